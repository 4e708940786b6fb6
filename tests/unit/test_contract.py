"""The public interface in golden files.

They hold rows, notices, metrics, the command line's output and the template.

RENEW_CONTRACT=1 writes the files anew. A difference that the contract does not allow is a fault, not a new file.
"""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from task_reporter.aws import clients
from task_reporter_cli.lazy import COMMANDS
from tests.support.canned_ec2 import Answer, canned_ec2, told
from tests.support.cli import in_environment, run, run_program, somewhere
from tests.support.deployed_notifier import Context, deployed
from tests.support.dynamodb import DynamoDb, Table
from tests.support.functions import RECORDER, load
from tests.support.sns import FakeSns
from tests.support.template import template

GOLDEN = Path(__file__).parent / "cases" / "contract"
NOON = datetime.fromisoformat("2026-11-23T12:00:00Z")
ENVIRONMENT = RECORDER | {"RETENTION_DAYS": "365", "POWERTOOLS_SERVICE_NAME": "my-stack"}
STORIES = {
    "complete": ["pending", "bundling", "storing", "complete"],
    "failed": ["storing", "failed-without-error-yet", "failed"],
    "cancelled": ["storing", "cancelling", "cancelled"],
    "lost": ["storing", "empty", "empty", "empty", "empty"],
    "found again": ["storing", "empty", "empty", "empty", "empty", "complete"],
    "unkeepable": ["without-id"],
}
"""Story → EC2's answers to polls five minutes apart, by file name."""


def check(name: str, value: Any) -> None:
    """Compare ``value`` with the golden file ``name``."""
    path = GOLDEN / name
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("RENEW_CONTRACT"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} has changed; see this module's docstring"


def recorder(patch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    app = load("recorder")
    app.logger.registered_handler.stream = io.StringIO()  # not the capture of one test
    return app


class Polled(Table):
    """A table after the polls of a story: its rows after each poll."""

    def __init__(self) -> None:
        super().__init__()
        self.after: list[list[dict[str, Any]]] = []


@contextmanager
def played(story: str) -> Iterator[Polled]:
    """Poll with the recorder's handler; EC2 answers as in ``story``."""
    table = Polled()
    with pytest.MonkeyPatch.context() as patch, canned_ec2(told("empty")) as ec2:
        services = {"ec2": ec2.client(), "dynamodb": DynamoDb(table), "sns": FakeSns()}
        patch.setattr(clients, "client", lambda service: services[service])
        app = recorder(patch)
        patch.setattr(app, "runtime_without_bytecode", lambda: None)  # whatever runs the tests
        services["sns"].get_topic_attributes = lambda **_: {
            "Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}
        }
        for number, name in enumerate(STORIES[story]):
            ec2.answers = [told(name)]
            patch.setattr(app.times, "now", lambda minutes=5 * number: NOON + timedelta(minutes=minutes))
            app.handler({}, Context())
            table.after.append([dict(row) for _, row in sorted(table.rows.items())])
        yield table


@pytest.mark.parametrize("story", STORIES)
def test_rows(story: str) -> None:
    with played(story) as table:
        check(f"rows {story}.json", table.after)


@pytest.mark.parametrize("story", ["complete", "found again", "unkeepable"])
def test_metrics_of_the_recorder(story: str, capsys: pytest.CaptureFixture[str]) -> None:
    with played(story):
        check(f"metrics of the recorder {story}.json", embedded(capsys.readouterr().out))


def embedded(output: str) -> list[dict[str, Any]]:
    """Return the metrics in ``output``, without the time at which each was written."""
    found = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
    for one in found:
        del one["_aws"]["Timestamp"]
    return found


def test_notices(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {}
    for story in ("complete", "failed", "cancelled", "lost"):
        with played(story) as table:
            rows[story] = next(row for row in table.after[-1] if row["task_id"].startswith("bun-"))
    capsys.readouterr()
    batches = {name: [row] for name, row in rows.items()}
    batches["test"] = [rows["complete"] | {"test": "true"}]
    batches["digest"] = [row | {"task_id": f"bun-{name}-{n}"} for name, row in rows.items() for n in (1, 2)]
    for name, batch in batches.items():
        streamed, sns = Table(*batch), FakeSns()
        with deployed(streamed, sns) as notifier:
            assert notifier.batch(*streamed.records) == {"batchItemFailures": []}
        check(f"notices {name}.json", [readable(request) for request in sns.accepted])
    check("metrics of the notifier.json", embedded(capsys.readouterr().out)[-1])


def readable(request: dict[str, Any]) -> dict[str, Any]:
    """Return a Publish with its text as lines, and its detail parsed."""
    attributes = dict(request["MessageAttributes"])
    detail = json.loads(attributes.pop("detail")["StringValue"])
    return {**request, "Message": request["Message"].splitlines(), "MessageAttributes": attributes, "detail": detail}


ITEMS = [
    {"scope": {"S": "123456789012/us-east-2"}, "task_id": {"S": "bun-2a4e041c"}, "kind": {"S": "bundle"},
     "state": {"S": "complete"}, "outcome": {"S": "complete"}, "resource_id": {"S": "i-1"}, "progress": {"N": "100"},
     "started_at": {"S": "2026-11-23T11:25:50.000Z"}, "updated_at": {"S": "2026-11-23T12:00:00.000Z"},
     "first_seen_at": {"S": "2026-11-23T11:26:02.113Z"}, "finished_at": {"S": "2026-11-23T12:00:00.000Z"},
     "notified_at": {"S": "2026-11-23T12:01:00.000Z"}, "bucket": {"S": "acme"}, "prefix": {"S": "web"},
     "image_location": {"S": "acme/web.manifest.xml"}, "of_a_later_version": {"S": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("output", ["json", "csv"])
def test_lists(output: str) -> None:
    answer = Answer(json.dumps({"Items": ITEMS, "Count": 1, "ScannedCount": 1}).encode())
    with canned_ec2(answer) as aws, in_environment(somewhere(dynamodb=aws.url)):
        check(f"list.{output}", run("list", "--table", "history", "--kind", "bundle", "--output", output).out)


def test_show() -> None:
    answer = Answer(json.dumps({"Items": ITEMS, "Count": 1, "ScannedCount": 1, "Item": ITEMS[0]}).encode())
    with canned_ec2(answer) as aws, in_environment(somewhere(dynamodb=aws.url)):
        check("show.json", run("show", "bun-2a4e041c", "--table", "history", "--output", "json").out)


def test_help() -> None:
    # Each in a process of its own, because click keeps the help option of the first context that a command had.
    check("help.txt", "\n".join(run_program(*command, "--help").out for command in [(), *zip(COMMANDS)]))


def test_template() -> None:
    interface = {"Parameters": template()["Parameters"], "Outputs": sorted(template()["Outputs"])}
    check("template.json", json.loads(json.dumps(interface, default=str)))


def test_every_golden_file_is_used() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for path in GOLDEN.iterdir():
        assert path.name.split()[0].partition(".")[0] in source, path
