"""An HTTP server in place of EC2, with the answers in ``events/ec2``.

with canned_ec2(told("error-throttled"), told("empty")) as ec2:
    ec2.client().describe_bundle_tasks()
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import botocore.endpoint
import pytest

from task_reporter.aws import clients
from task_reporter.aws.request_limits import LIST_TASKS
from tests.support import http_server
from tests.support.waiting import unhurried

EVENTS = Path(__file__).parents[2] / "events" / "ec2"

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
STATUS = {"error-throttled": 503, "error-unauthorized": 403, "error-internal": 500}


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    status: int = 200


def told(name: str) -> Answer:
    """Return the answer in the file ``name`` of ``events/ec2``, with its status."""
    [path] = EVENTS.glob(f"{name}.*")
    return Answer(path.read_bytes(), STATUS.get(name, 200))


@dataclass(slots=True)
class CannedEc2:
    """A running server."""

    url: str
    answers: list[Answer]
    """The next answers; the last one is repeated."""
    requests: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each request."""
    by_action: dict[str, Answer] = field(default_factory=dict)
    """Operations that always have an answer of their own."""

    def client(self) -> Any:
        """Return the recorder's client for this server, without its time limits."""
        return clients.client(
            "ec2",
            unhurried(LIST_TASKS),
            endpoint_url=self.url,
            region_name="us-east-2",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def answer(self, _headers: Mapping[str, str], body: bytes) -> http_server.Answer:
        self.requests.append(dict(parse_qsl(body.decode())))
        answer = self.by_action.get(self.requests[-1].get("Action", ""))
        answer = answer or (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        return answer.status, {"Content-Type": "text/xml;charset=UTF-8"}, answer.body


@contextmanager
def canned_ec2(*answers: Answer) -> Iterator[CannedEc2]:
    """Serve ``answers`` in their order on a free port of this machine."""
    canned = CannedEc2("", list(answers))
    with http_server.http_server(canned.answer) as canned.url:
        yield canned


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let botocore retry at once; return the list of omitted pauses."""
    pauses: list[float] = []
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=pauses.append))
    return pauses
