"""EC2's answers through botocore's real client and the recorder into the history."""

import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from io import BytesIO
from random import Random
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import tostring

import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.aws import clients
from task_reporter.errors import MalformedAnswerError
from task_reporter.history.rows import Key, Row
from task_reporter.history.writes import Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording.context import PollContext
from task_reporter.recording.poll_kind import KindResult, poll_kind
from task_reporter.times import parse
from tests.campaigns.hostile.answers import GOOD, LIST, NOW, SCOPE, SECRETS, Answer, to_bytes, valid
from tests.campaigns.hostile.breaking import break_, rewrite
from tests.campaigns.hostile.invariants import STEPS, hold
from tests.campaigns.hostile.spoiling import spoil_a_task
from tests.support.dynamodb import Table

POLL = PollContext(SCOPE, parse(NOW), lost_after=timedelta(minutes=15))
REFUSED = 300


def build(rng: Random) -> tuple[Answer, bytes]:
    """Return a valid answer that some steps have spoilt, and its body."""
    answer = valid(rng)
    for _ in range(rng.choice(STEPS)):
        step = rng.choices((spoil_a_task, rewrite, break_), (7, 1, 2))[0]
        answer.names.append(step(answer, rng))
    return answer, to_bytes(answer, rng)


def show(material: tuple[Answer, bytes]) -> str:
    """Status, steps, what the history knew, and the body."""
    answer, body = material
    return f"status {answer.status}; {', '.join(answer.names)}\nthe history: {answer.known}\n{body[:6000]!r}"


def check(material: tuple[Answer, bytes]) -> Counter[str]:
    """One poll, and the same once more."""
    answer, body = material
    table = Table(*answer.known)
    done: KindResult | None = None
    said = ""
    try:
        done = poll(table, body, answer.status)
    except MalformedAnswerError as error:
        said = "".join(traceback.format_exception(error))
        hold(not answer.is_whole, f"an answer that is whole was refused: {error}")
    except (BotoCoreError, ClientError) as error:
        said = str(error)
        hold(answer.status >= REFUSED, f"{error!r} of an answer with status {answer.status}")
    if done is None:
        hold(not table.written, "an answer that counts for nothing changed the history")
    else:
        said = f"{done.problems} {done.unkeepable} {done.summary()} {done.ended}"
        hold(not done.problems, f"something was not recorded: {done.problems}")
        _check_history(answer, table)
        again = poll(table, body, answer.status)
        hold(not again.written, f"the same answer once more wrote {again.written}")
    told = f"{said} {table.rows} {table.written}"
    missing = [write.key for write in table.written if isinstance(write, Update) and "missing_since" in write.set]
    for key in missing:
        hold(not _may_be_nameless(table.rows[key], said), f"{key} may be the task that has no id")
    hold(not any(secret in told for secret in SECRETS.values()), "a secret went on")
    return _counts(done, table)


def _may_be_nameless(row: Row, said: str) -> bool:
    """Tell whether the output names a task without id that may be ``row``'s."""
    if "resource_id" not in row:
        return "without an id" in said
    return "without an id (for an unknown resource)" in said or f"without an id (for {row['resource_id']})" in said


def _check_history(answer: Answer, table: Table) -> None:
    if answer.is_legible and answer.good is not None:
        good = next((row for row in answer.known if row["task_id"] == GOOD), {})
        expected = _alone(tostring(answer.good), tuple(sorted(good.items())))
        hold(table.rows.get(Key(SCOPE, GOOD)) == expected, "the good task suffered from its neighbours")


@cache
def _alone(item: bytes, known: tuple[tuple[str, Any], ...]) -> Row:
    """Return the row of the good task where it is the only one."""
    table = Table(*([dict(known)] if known else []))
    poll(table, b"<r><%s>%s</%s></r>" % (LIST.encode(), item, LIST.encode()), 200)
    return table.rows[Key(SCOPE, GOOD)]


def poll(table: Table, body: bytes, status: int) -> KindResult:
    """One poll that EC2 answers with ``body``."""
    running = [row for row in table.rows.values() if row.get("awaiting") == "outcome"]
    client = _client()
    client.answer = (status, body)
    return poll_kind(BUNDLE, client.ec2, table, POLL, running)


@cache
def _client() -> SimpleNamespace:
    """Return the recorder's client with answers in place of the network.

    It never pauses.
    """
    botocore.endpoint.time = SimpleNamespace(sleep=lambda seconds: None)
    keys = {"aws_access_key_id": "fuzz", "aws_secret_access_key": "fuzz"}
    ec2 = clients.client("ec2", endpoint_url="http://127.0.0.1:9", region_name="us-east-2", **keys)
    made = SimpleNamespace(ec2=ec2, answer=(200, b""))
    ec2.meta.events.register("before-send.ec2", lambda request, **_: _answered(request.url, *made.answer))
    return made


def _answered(url: str, status: int, body: bytes) -> AWSResponse:
    return AWSResponse(url, status, {"Content-Type": "text/xml"}, _Raw(body))


class _Raw(BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _counts(done: KindResult | None, table: Table) -> Counter[str]:
    if done is None:
        return Counter({"answers refused": 1})
    missing = sum(isinstance(write, Update) and "missing_since" in write.set for write in table.written)
    return Counter(
        {
            "rows kept": len(done.tasks),
            "tasks that can't be kept": len(done.unkeepable),
            "writes": len(done.written),
            "rows missing": missing,
        }
    )
