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
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.aws import clients
from task_reporter.errors import MalformedAnswerError
from task_reporter.history.rows import Key, Row
from task_reporter.history.writes import Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.times import parse
from tests.campaigns.hostile.answer_mutations import rewrite, spoil_answer, spoil_task
from tests.campaigns.hostile.answers import GOOD, LIST, NOW, SCOPE, SECRETS, Answer, to_bytes, valid
from tests.campaigns.hostile.values import STEPS, require
from tests.support.dynamodb import Table
from tests.support.polled import poll_kind

POLL = PollContext(SCOPE, parse(NOW), lost_after=timedelta(minutes=15))
REFUSED = 300


def build(rng: Random) -> tuple[Answer, bytes]:
    """Return a valid answer that some steps have spoilt, and its body."""
    answer = valid(rng)
    for _ in range(rng.choice(STEPS)):
        step = rng.choices((spoil_task, rewrite, spoil_answer), (7, 1, 2))[0]
        answer.names.append(step(answer, rng))
    return answer, to_bytes(answer, rng)


def show(material: tuple[Answer, bytes]) -> str:
    answer, body = material
    return f"status {answer.status}; {', '.join(answer.names)}\nthe history: {answer.rows}\n{body[:6000]!r}"


def check(material: tuple[Answer, bytes]) -> Counter[str]:
    """Poll the answer twice; the second poll must change nothing."""
    answer, body = material
    table = Table(*answer.rows)
    done: ListResult | None = None
    output = ""
    try:
        done = poll(table, body, answer.status)
    except MalformedAnswerError as error:
        output = "".join(traceback.format_exception(error))
        require(not answer.is_whole, f"an answer that is whole was refused: {error}")
    except (BotoCoreError, ClientError) as error:
        output = str(error)
        require(answer.status >= REFUSED, f"{error!r} of an answer with status {answer.status}")
    if done is None:
        require(not table.written, "an answer that counts for nothing changed the history")
    else:
        output = f"{done.problems} {done.unkeepable} {done.summary()} {done.ended}"
        require(not done.problems, f"something was not recorded: {done.problems}")
        _check_history(answer, table)
        again = poll(table, body, answer.status)
        require(not again.written, f"the same answer once more wrote {again.written}")
    everything = f"{output} {table.rows} {table.written}"
    missing = [write.key for write in table.written if isinstance(write, Update) and "missing_since" in write.set]
    for key in missing:
        require(not _may_have_no_id(table.rows[key], output), f"{key} may be the task that has no id")
    require(not any(secret in everything for secret in SECRETS.values()), "a secret went on")
    if done is None:
        return Counter({"answers refused": 1})
    counts = {"rows recorded": len(done.tasks), "tasks that can't be recorded": len(done.unkeepable)}
    return Counter(counts | {"writes": len(done.written), "rows missing": len(missing)})


def _may_have_no_id(row: Row, output: str) -> bool:
    """Tell whether the output names a task without id that may be ``row``'s."""
    if "resource_id" not in row:
        return "without an id" in output
    return "without an id (for an unknown resource)" in output or f"without an id (for {row['resource_id']})" in output


def _check_history(answer: Answer, table: Table) -> None:
    if answer.is_legible and answer.good is not None:
        good = next((row for row in answer.rows if row["task_id"] == GOOD), {})
        expected = _alone(tostring(answer.good), tuple(sorted(good.items())))
        require(table.rows.get(Key(SCOPE, GOOD)) == expected, "the good task suffered from its neighbours")


@cache
def _alone(item: bytes, row: tuple[tuple[str, Any], ...]) -> Row:
    """Return the row of the good task in an answer without other tasks."""
    table = Table(*([dict(row)] if row else []))
    poll(table, b"<r><%s>%s</%s></r>" % (LIST.encode(), item, LIST.encode()), 200)
    return table.rows[Key(SCOPE, GOOD)]


def poll(table: Table, body: bytes, status: int) -> ListResult:
    running = [row for row in table.rows.values() if row.get("awaiting") == "outcome"]
    client = _client()
    client.answer = (status, body)
    return poll_kind(BUNDLE, client.ec2, table, POLL, running)


@cache
def _client() -> SimpleNamespace:
    """Return the recorder's client, without a network and without pauses."""
    botocore.endpoint.time = SimpleNamespace(sleep=lambda seconds: None)  # type: ignore[attr-defined]
    keys: dict[str, Any] = {"aws_access_key_id": "fuzz", "aws_secret_access_key": "fuzz"}
    ec2 = clients.client("ec2", endpoint_url="http://127.0.0.1:9", region_name="us-east-2", **keys)
    canned = SimpleNamespace(ec2=ec2, answer=(200, b""))
    ec2.meta.events.register("before-send.ec2", lambda request, **_: _answered(request.url, *canned.answer))
    return canned


def _answered(url: str, status: int, body: bytes) -> AWSResponse:
    return AWSResponse(url, status, HTTPHeaders.from_dict({"Content-Type": "text/xml"}), _Raw(body))


class _Raw(BytesIO):
    """A body as botocore reads it from urllib3."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
