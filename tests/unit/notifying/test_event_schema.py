"""The published JSON Schema of events against what is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.chat import digest_message, task_message
from task_reporter.notifying.event import Event, minimal_event, task_event
from task_reporter.notifying.task_notice import task_notice
from tests.support.documents import ROOT
from tests.support.event_bus import BUS, delivered
from tests.support.finished import row

SCHEMA = json.loads((ROOT / "docs" / "event.schema.json").read_text())


def closed(schema: Any) -> Any:
    """Return ``schema`` without room for members that it does not describe."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return inner | ({"unevaluatedProperties": False} if schema.get("type") == "object" else {})


OPEN, CLOSED = Draft202012Validator(SCHEMA), Draft202012Validator(closed(SCHEMA))
DETAIL = Draft202012Validator({"$defs": closed(SCHEMA["$defs"]), "$ref": "#/$defs/detail"})


def example(kind: str, outcome: str) -> Row:
    attributes = {**KINDS[kind].examples.get(outcome, {}), "progress": 57, "error_code": "Server.InternalError"}
    own = dict.fromkeys((*KINDS[kind].attributes, "account_name", "bucket", "prefix"), "x")
    return {**row(1, outcome), **own, **attributes, "kind": kind}


def sent(event: Event) -> dict[str, Any]:
    """Return ``event`` as EventBridge delivers it."""
    return delivered(event.entry(BUS))


def problems(validator: Draft202012Validator, event: Any) -> list[str]:
    return [error.message for error in validator.iter_errors(event)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_as_described(kind: str, outcome: str) -> None:
    task = example(kind, outcome)
    with_test = task | {"test": "true"}
    events = [task_event(task), task_event(task, task_message(task)), task_event(with_test), minimal_event(task)]
    events += [minimal_event(with_test), task_event(task, digest_message([task] * 30))]
    for event in events:
        assert problems(CLOSED, sent(event)) == []
    assert problems(DETAIL, task_notice(task).data) == []


def changes() -> Iterator[tuple[str, Any]]:
    """Yield path and new value of changes that the schema refuses; None removes."""
    yield "source", "aws.ec2"
    yield "detail-type", "EC2 Task Ended (Test)"
    yield "time", "2026-11-23 12:00:00"
    yield "resources", ["i-1"]
    yield from ((name, None) for name in SCHEMA["required"])
    yield from ((f"detail.{name}", None) for name in SCHEMA["$defs"]["detail"]["required"])
    yield from ((f"detail.{name}", 7) for name in sent(task_event(row(1)))["detail"])
    yield "detail.outcome", "exploded"
    yield "detail.progress", "57"
    yield "detail.progress", 101
    yield "detail.finished_at", "2026-11-23T12:00:00Z"
    yield "detail.test", True
    yield "detail.next_steps", [{"text": "To look"}]
    yield "detail.chat", {}


@pytest.mark.parametrize(("path", "value"), list(changes()), ids=lambda part: str(part)[:30])
def test_another_event_is_refused(path: str, value: Any) -> None:
    event = deepcopy(sent(task_event(row(1))))
    assert problems(OPEN, event) == []
    *outer, name = path.split(".")
    inner = event[outer[0]] if outer else event
    if value is None:
        del inner[name]
    else:
        inner[name] = value
    assert problems(OPEN, event)


def test_a_consumer_tolerates_additions() -> None:
    event = sent(task_event(row(1)))
    event["replay-name"] = "again"
    event["detail"] |= {"kind": "new-kind", "of_a_later_version": {"x": 1}}
    assert problems(OPEN, event) == []


def test_the_schema_names_every_kind() -> None:
    assert SCHEMA["$defs"]["detail"]["properties"]["kind"]["examples"] == list(KINDS)
