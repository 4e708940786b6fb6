"""Stream batches with malformed records through the deployed notifier."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from task_reporter.history.rows import Key, Row
from tests.campaigns.hostile import values
from tests.campaigns.hostile.answers import SECRETS
from tests.campaigns.hostile.values import STEPS, require
from tests.support.deployed_notifier import deployed
from tests.support.dynamodb import Table
from tests.support.finished import row
from tests.support.sns import FakeSns

Json = Any
KEYS = ("Records", "dynamodb", "Keys", "NewImage", "SequenceNumber", "scope", "task_id", "S", "N", "eventName", "x")


@dataclass(slots=True)
class Batch:
    """An event, the rows that it is about, and the steps that spoilt it."""

    event: Json
    rows: list[Row]
    names: list[str]


def build(rng: Random) -> Batch:
    """Return a spoilt batch about rows, some of which await notification."""
    rows = [row(number, rng.choice(("complete", "failed", "lost"))) for number in range(rng.randint(1, 8))]
    for stored in rows:
        if rng.random() < 0.15:
            del stored["awaiting"]
    records = Table(*rows).records
    secret = {name: {"S": value} for name, value in SECRETS.items()}
    for record in records:
        record["dynamodb"]["NewImage"] |= secret
    batch = Batch({"Records": json.loads(json.dumps(records))}, rows, [])
    for _ in range(rng.choice(STEPS)):
        _spoil(batch, rng)
    return batch


def _spoil(batch: Batch, rng: Random) -> None:
    """Spoil any place of the event, down to single letters of its keys."""
    how = rng.choice(("dropped", "replaced", "replaced", "renamed", "doubled", "shuffled", "secret"))
    batch.names.append(how)
    found = batch.event.get("Records")
    records = found if isinstance(found, list) else []
    if records and how == "doubled":
        records.insert(rng.randint(0, len(records)), deepcopy(rng.choice(records)))
    elif records and how == "shuffled":
        rng.shuffle(records)
    elif places := list(_places(rng.choice(records) if records and rng.random() < 0.9 else batch.event)):
        holder, name = rng.choice(places)
        if how == "dropped":
            del holder[name]
        elif how == "renamed" and isinstance(holder, dict):
            holder[rng.choice(KEYS)] = holder.pop(name)
        else:
            holder[name] = rng.choice(list(SECRETS.values())) if how == "secret" else _replacement(holder[name], rng)


def _places(data: Json) -> Iterator[tuple[Any, Any]]:
    """Yield each place in ``data``: its container, and its name or position there."""
    inside = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    for name, value in inside:
        yield data, name
        yield from _places(value)


def _replacement(value: Json, rng: Random) -> Json:
    """Return a value for the place of ``value``, most often of another type."""
    others: tuple[Json, ...] = (
        None, True, 0, -1, 1.5, 10**40, "", " ", [], {}, [value], {"S": value}, {"N": "NaN"}, {"S": ""}, str(value),
    )  # fmt: skip
    return rng.choice((*others, values.text(rng)))


def show(batch: Batch) -> str:
    return f"{', '.join(batch.names)}\n{json.dumps(batch.event)[:6000]}"


def check(batch: Batch) -> Counter[str]:
    table, sns, metrics = Table(*batch.rows), FakeSns(), io.StringIO()
    answer, output = None, ""
    with deployed(table, sns, EVENT_BUS="default", CHAT_NOTICES="true") as notifier, redirect_stdout(metrics):
        try:
            answer = notifier(json.loads(json.dumps(batch.event)))
        except Exception as error:  # after any error, Lambda delivers the whole batch again
            output = repr(error)
        output += notifier.log.getvalue() + metrics.getvalue()
    require("minimal form" not in output, f"a notice can't be composed: {output}")
    announced = {task_id for task_id, _ in sns.told}
    due = {key.task_id for key in readable(batch.event) if _awaits(batch.rows, key)}
    require(due == announced, f"due were {sorted(due)}, announced were {sorted(announced)}")
    require(len(sns.told) == len(announced), "a task was announced twice")
    require(sorted(notifier.bridge.sent) == sorted(sns.told), "events and notices differ")
    if answer is not None:
        _check_answer(answer, batch.event)
    everything = f"{output} {sns.requests} {notifier.bridge.requests} {table.rows}"
    require(not any(secret in everything for secret in SECRETS.values()), "a secret went on")
    return Counter({"batches to come again": answer is None, "tasks announced": len(announced)})


def readable(event: Json) -> list[Key]:
    """Return the keys of those records that have a valid key."""
    records = event.get("Records") if isinstance(event, dict) else None
    keys = []
    for record in records if isinstance(records, list) else []:
        item = _member(_member(record, "dynamodb"), "Keys")
        scope, task_id = (_member(_member(item, name), "S") for name in ("scope", "task_id"))
        if isinstance(scope, str) and isinstance(task_id, str) and scope and task_id:
            keys.append(Key(scope, task_id))
    return keys


def _member(data: Json, name: str) -> Json:
    return data.get(name) if isinstance(data, dict) else None


def _awaits(rows: list[Row], key: Key) -> bool:
    return any((row["scope"], row["task_id"]) == key and "awaiting" in row for row in rows)


def _check_answer(answer: Json, event: Json) -> None:
    """Require an answer after which Lambda delivers each unreadable record again.

    Lambda delivers from the first failed record on. An unknown sequence number fails the whole batch.
    """
    records = event["Records"]
    numbers = [record["dynamodb"].get("SequenceNumber") for record in records if _has_data(record)]
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    is_valid = all(isinstance(number, str) and number and number in numbers for number in failed)
    require(is_valid, f"Lambda can't take {answer}")
    unreadable = [record for record in records if not readable({"Records": [record]})]
    named = [record for record in unreadable if record["dynamodb"]["SequenceNumber"] in failed]
    require(len(named) == len(unreadable), "an unreadable record counts as processed")


def _has_data(record: Json) -> bool:
    return isinstance(_member(record, "dynamodb"), dict)
