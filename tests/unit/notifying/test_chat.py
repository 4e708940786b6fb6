"""Chat messages, field by field against the documented schema.

It is that of Amazon Q Developer in chat applications:
https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
"""

from __future__ import annotations

from typing import Any

import pytest

from task_reporter.history.rows import Row
from task_reporter.kinds.kind import OUTCOMES
from task_reporter.kinds.table import KINDS
from task_reporter.notifying.chat import digest_message, task_message
from task_reporter.notifying.compose import compose_events
from tests.support.event_bus import BUS, detail
from tests.support.finished import row

SHAPE = {
    "version": str,
    "source": str,
    "content": {"textType": str, "title": str, "description": str, "nextSteps": [str], "keywords": [str]},
    "metadata": {
        "threadId": str,
        "summary": str,
        "eventType": str,
        "relatedResources": [str],
        "additionalContext": {"account": str, "region": str},
    },
}
LIMITS = {
    "title": 250, "description": 2800, "nextSteps": 350, "keywords": 75, "threadId": 250, "summary": 250,
    "eventType": 250,
}  # fmt: skip


def check(message: Any, shape: Any = SHAPE, name: str = "") -> None:
    """Check types, names and lengths."""
    if isinstance(shape, dict):
        assert message.keys() == shape.keys()
        for member in shape:
            check(message[member], shape[member], member)
    elif isinstance(shape, list):
        assert len(message) <= 5
        for item in message:
            check(item, shape[0], name)
    else:
        assert isinstance(message, shape)
        assert len(message) <= LIMITS.get(name, 2800)


def example(kind: str, outcome: str) -> Row:
    return {**row(1, outcome), **KINDS[kind].examples.get(outcome, {}), "kind": kind}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_has_the_documented_schema(kind: str, outcome: str) -> None:
    message = task_message(example(kind, outcome))
    check(message)
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert outcome in message["content"]["title"]


def test_a_message_says_what_happened_and_what_to_do() -> None:
    message = task_message(row(1))
    assert message["content"]["title"] == "EC2 bundle task bun-00000001 complete (123456789012/us-east-2)"
    assert "*Resource:* i-00000000000000001" in message["content"]["description"]
    [step] = message["content"]["nextSteps"]
    assert step.endswith("--image-location acme-bundles/bun-00000001.manifest.xml`")
    assert message["metadata"]["relatedResources"] == ["i-00000000000000001"]


def test_all_messages_about_a_task_are_in_one_thread() -> None:
    lost, found = (task_message(row(1, outcome))["metadata"]["threadId"] for outcome in ("lost", "complete"))
    assert lost == found != task_message(row(2))["metadata"]["threadId"]


UGLY: list[Row] = [
    {"error_message": "<!channel> ```rm -rf``` <https://x|y> & more", "error_code": "Client.S3Error"},
    {"error_message": "x" * 100_000},
    {"bucket": "b" * 5000, "prefix": "<@U1>"},
    {"resource_id": "i" * 5000},
]


@pytest.mark.parametrize("attributes", UGLY)
def test_no_text_of_ec2_breaks_a_message(attributes: Row) -> None:
    message = task_message(row(1, "failed", **attributes))
    check(message)
    text = str(message["content"])
    assert "<" not in text
    assert message["content"]["description"].count("```") in (0, 2)


def test_a_command_that_is_too_long_is_left_out() -> None:
    message = task_message(row(1, image_location="b/" + "k" * 400))
    assert message["content"]["nextSteps"] == []


def test_a_digest_names_the_worst_first() -> None:
    message = digest_message([row(number, "failed" if number == 7 else "complete") for number in range(30)])
    check(message)
    assert message["content"]["title"].startswith("EC2 tasks: 1 failed, 29 complete")
    lines = message["content"]["description"].splitlines()
    assert (lines[0], lines[-1]) == ("bundle task bun-00000007: *failed*", "and 10 more")


@pytest.mark.parametrize(("count", "messages"), [(5, 5), (6, 1), (100, 1)])
def test_many_tasks_have_one_message(count: int, messages: int) -> None:
    events = compose_events([row(number) for number in range(count)], chat_digest_above=5)
    with_chat = [event for event in events if "chat" in detail(event.entry(BUS))]
    assert (len(events), len(with_chat)) == (count, messages)
    assert with_chat[0] == events[0]


def test_tasks_of_a_first_poll_have_one_message() -> None:
    events = compose_events([row(number, held_for="digest") for number in range(3)], chat_digest_above=5)
    assert ["chat" in detail(event.entry(BUS)) for event in events] == [True, False, False]


def test_without_a_chat_no_event_has_a_message() -> None:
    assert "chat" not in detail(compose_events([row(1)], None)[0].entry(BUS))
