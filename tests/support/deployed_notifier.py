"""The notifier's deployed handler, with fakes of its services."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from local.environments import ROOT
from task_reporter.aws import clients
from task_reporter.notifying.pace import NO_PACE
from tests.support.dynamodb import DynamoDb, Table
from tests.support.event_bus import FakeEventBridge
from tests.support.functions import load
from tests.support.sns import TOPIC, FakeSns
from tests.support.template import default

APP = ROOT / "functions" / "notifier" / "app.py"
ENVIRONMENT = {
    "HISTORY_TABLE": "history",
    "SCOPES": "123456789012/us-east-2",
    "EMAIL_SUBSCRIPTION": "false",
    "TOPIC_ARN": TOPIC,
    "DIGEST_ABOVE": str(default("DigestAbove")),
    "RETENTION_DAYS": str(default("RetentionDays")),
    "EVENT_BUS": "",
    "CHAT_NOTICES": "false",
}


@dataclass
class Context:
    function_name: str = "notifier"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-2:123456789012:function:notifier"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"
    remaining: int = 210_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@dataclass
class Deployed:
    """The function, the fakes of its services, and its log."""

    app: ModuleType
    table: Table
    sns: FakeSns
    bridge: FakeEventBridge
    log: io.StringIO

    def __call__(self, event: dict[str, Any], **context: Any) -> Any:
        return self.app.handler(event, Context(**context))

    def batch(self, *records: dict[str, Any], **context: Any) -> Any:
        return self(json.loads(json.dumps({"Records": records})), **context)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@contextmanager
def deployed(
    table: Table, sns: FakeSns, patch: pytest.MonkeyPatch | None = None, **variables: str
) -> Iterator[Deployed]:
    """Yield the function with the template's defaults and no event bus.

    ``variables`` of its environment replace these.

    A test that patches too must pass its own ``patch``, because two of them would undo each other's changes.
    """
    app, log = load("notifier"), io.StringIO()
    bridge = FakeEventBridge()
    by_service = {"dynamodb": DynamoDb(table), "sns": sns, "events": bridge}
    app.logger.registered_handler.setStream(log)
    with nullcontext(patch) if patch else pytest.MonkeyPatch.context() as patching:
        for name, value in (ENVIRONMENT | variables).items():
            patching.setenv(name, value)
        patching.setattr(clients, "client", lambda service, _: by_service[service])
        patching.setattr(app, "PACE", NO_PACE)
        yield Deployed(app, table, sns, bridge, log)
    # Not to sys.stdout, which may be a capture that ends with the test.
    app.logger.registered_handler.setStream(sys.__stdout__)
