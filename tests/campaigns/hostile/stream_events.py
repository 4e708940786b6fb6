"""Stream batches with malformed records through the deployed notifier."""

import io
import json
from collections import Counter
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from task_reporter.history.rows import Key, Row
from tests.campaigns.hostile.answers import SECRETS
from tests.campaigns.hostile.invariants import STEPS, hold
from tests.campaigns.hostile.places import replaced, some_place
from tests.support.deployed_notifier import deployed
from tests.support.dynamodb import Table
from tests.support.finished import row
from tests.support.sns import FakeSns

Json = Any
KEYS = ("Records", "dynamodb", "Keys", "NewImage", "SequenceNumber", "scope", "task_id", "S", "N", "eventName", "x")


@dataclass(slots=True)
class Batch:
    """An event, the rows of which it tells, and what was done to it."""

    event: Json
    rows: list[Row]
    names: list[str]


def build(rng: Random) -> Batch:
    """Return a spoilt batch about rows, some of which await notification."""
    rows = [row(number, rng.choice(("complete", "failed", "lost"))) for number in range(rng.randint(1, 8))]
    for one in rows:
        if rng.random() < 0.15:
            del one["awaiting"]
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
    elif place := some_place(rng.choice(records) if records and rng.random() < 0.9 else batch.event, rng):
        holder, name = place
        if how == "dropped":
            del holder[name]
        elif how == "renamed" and isinstance(holder, dict):
            holder[rng.choice(KEYS)] = holder.pop(name)
        else:
            holder[name] = rng.choice(list(SECRETS.values())) if how == "secret" else replaced(holder[name], rng)


def show(batch: Batch) -> str:
    """Return the steps and the event."""
    return f"{', '.join(batch.names)}\n{json.dumps(batch.event)[:6000]}"


def check(batch: Batch) -> Counter[str]:
    """One delivery."""
    table, sns = Table(*batch.rows), FakeSns()
    answer: Json = None
    figures = io.StringIO()
    with deployed(table, sns) as notifier, redirect_stdout(figures):
        try:
            answer = notifier(json.loads(json.dumps(batch.event)))
            said = ""
        except Exception as error:  # whatever it is, Lambda brings the whole batch again
            said = repr(error)
        said += notifier.log.getvalue() + figures.getvalue()
    hold("plainest form" not in said, f"a notice can't be composed: {said}")
    told = {task_id for task_id, _ in sns.told}
    due = {key.task_id for key in readable(batch.event) if _awaits(batch.rows, key)}
    hold(due == told, f"due were {sorted(due)}, told were {sorted(told)}")
    hold(len(sns.told) == len(told), "one was told twice")
    if answer is not None:
        _check_answer(answer, batch.event)
    everything = f"{said} {sns.requests} {table.rows}"
    hold(not any(secret in everything for secret in SECRETS.values()), "a secret went on")
    return Counter({"batches to come again": answer is None, "tasks told": len(told)})


def readable(event: Json) -> list[Key]:
    """Return the keys in those records that have one."""
    records = event.get("Records") if isinstance(event, dict) else None
    found = []
    for record in records if isinstance(records, list) else []:
        at = record
        for name in ("dynamodb", "Keys"):
            at = at.get(name) if isinstance(at, dict) else None
        values = [at.get(name) if isinstance(at, dict) else None for name in ("scope", "task_id")]
        texts = [value.get("S") if isinstance(value, dict) else None for value in values]
        if all(isinstance(text, str) and text for text in texts):
            found.append(Key(*texts))
    return found


def _awaits(rows: list[Row], wanted_key: Key) -> bool:
    return any(Key(str(one["scope"]), str(one["task_id"])) == wanted_key and "awaiting" in one for one in rows)


def _check_answer(answer: Json, event: Json) -> None:
    """Return the records that Lambda delivers again: from the first failed one on.

    An unknown sequence number fails the whole batch.
    """
    records = event["Records"]
    numbers = [record["dynamodb"].get("SequenceNumber") for record in records if _has_data(record)]
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    hold(all(isinstance(one, str) and one and one in numbers for one in failed), f"Lambda can't take {answer}")
    unreadable = [record for record in records if not readable({"Records": [record]})]
    named = [record for record in unreadable if record["dynamodb"]["SequenceNumber"] in failed]
    hold(len(named) == len(unreadable), "a record that can't be read was taken for done")


def _has_data(record: Json) -> bool:
    return isinstance(record, dict) and isinstance(record.get("dynamodb"), dict)
