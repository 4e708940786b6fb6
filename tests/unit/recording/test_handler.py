"""The recorder's handler, in the environment that the template gives it."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from local.environments import ROOT
from task_reporter.aws import clients
from task_reporter.errors import PollError, SettingError
from task_reporter.history.table import HistoryTable
from tests.support.canned_ec2 import Answer, canned_ec2, told
from tests.support.dynamodb import DynamoDb, Table
from tests.support.functions import RECORDER, load

APP = ROOT / "functions" / "recorder" / "app.py"
CONTEXT = SimpleNamespace(
    function_name="recorder",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-2:123456789012:function:recorder",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: 300_000,
)
SCHEDULE = json.loads((ROOT / "events" / "schedule.json").read_text())


@pytest.fixture
def app(monkeypatch):
    """Return the handler's module, imported anew for each test."""
    for name, value in RECORDER.items():
        monkeypatch.setenv(name, value)
    return load("recorder")


@pytest.fixture
def log(app):
    """Return the handler's log lines."""
    stream = io.StringIO()
    before = app.logger.registered_handler.setStream(stream)
    yield stream
    app.logger.registered_handler.setStream(before)


class Sns:
    """A topic with one confirmed of two subscribers, or with SNS's refusal."""

    refusal = None

    def get_topic_attributes(self, TopicArn):
        assert TopicArn == RECORDER["TOPIC_ARN"]
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal}}, "GetTopicAttributes")
        return {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "1"}}


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def made():
    """Return the services for which the handler has made a client."""
    return []


@pytest.fixture
def ec2(monkeypatch, table, made):
    """Yield the canned EC2 and the table that the handler uses."""
    with canned_ec2(told("complete")) as ec2:
        by_service = {"ec2": ec2.client(), "dynamodb": DynamoDb(table), "sns": Sns()}
        monkeypatch.setattr(clients, "client", lambda service: made.append(service) or by_service[service])
        yield ec2


def tasks(table):
    return {key: row for key, row in table.rows.items() if key.scope != "roster"}


def entries(log):
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize("event", [SCHEDULE, {}, None, [], "x"], ids=["schedule", "{}", "null", "list", "text"])
def test_whatever_the_event_the_poll_is_recorded(event, app, ec2, table, log):
    assert app.handler(event, CONTEXT) == {"bundle": {"listed": 1, "written": 1, "ended": {"complete": 1}}}
    [row] = tasks(table).values()
    assert (row["scope"], row["task_id"], row["outcome"]) == (RECORDER["SCOPE"], "bun-2a4e041c", "complete")


def test_each_poll_is_logged_in_numbers_with_the_ids_that_ended(app, ec2, log):
    app.handler({}, CONTEXT)
    app.handler({}, CONTEXT)
    first, second = entries(log)
    numbers = {"message": "polled", "listed": {"bundle": 1}, "written": 1}
    assert numbers.items() <= first.items()
    assert first["tasks"] == {"bun-2a4e041c": "complete"}
    assert first["function_request_id"] == CONTEXT.aws_request_id
    assert (second["written"], second["tasks"]) == (0, {})


def figures(capsys):
    """All figures of each poll, whenever in the poll they were written."""
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return {name: value for line in lines for name, value in line.items()}


def test_each_poll_is_told_to_cloudwatch_also_one_that_fails(app, ec2, log, monkeypatch, capsys):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "my-stack")
    ec2.answers = [told("complete"), told("html-page")]
    app.handler({}, CONTEXT)
    first = figures(capsys)
    with pytest.raises(PollError):
        app.handler({}, CONTEXT)
    second = figures(capsys)
    assert (first["service"], first["GoodPolls"], first["TasksComplete"]) == ("my-stack", [1], [1])
    assert (second["GoodPolls"], second["TasksListed"]) == ([0], [0])


def test_recorded_tasks_are_counted_before_anything_else(app, ec2, log, table, monkeypatch, capsys):
    """A time-out that comes later must not swallow it."""

    class Killed(BaseException):
        pass

    def dies(self, **request):
        if "roster" in str(request):
            raise Killed
        return put_item(self, **request)

    put_item = DynamoDb.put_item
    monkeypatch.setattr(DynamoDb, "put_item", dies)
    with pytest.raises(Killed):
        app.handler({}, CONTEXT)
    assert figures(capsys)["TasksComplete"] == [1]


UNCOUNTED = [("NotFound", [0]), ("AuthorizationError", None)]


@pytest.mark.parametrize(("code", "counted"), UNCOUNTED)
def test_subscribers_are_counted_and_a_failure_is_ignored(code, counted, app, ec2, log, monkeypatch, capsys):
    """A deleted topic has no subscribers; without SNS's answer nothing is counted."""
    app.handler({}, CONTEXT)
    assert figures(capsys)["ConfirmedSubscribers"] == [1]
    monkeypatch.setattr(Sns, "refusal", code)
    assert app.handler({}, CONTEXT)["bundle"]["listed"] == 1
    assert figures(capsys).get("ConfirmedSubscribers") == counted
    assert "subscribers were not counted" in [entry["message"] for entry in entries(log)]


def test_log_lines_have_times_and_levels_for_lambda(app, ec2, log):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"""
    app.handler({}, CONTEXT)
    assert [datetime.fromisoformat(entry["timestamp"]).tzinfo is not None for entry in entries(log)] == [True]
    assert all("T" in entry["timestamp"] for entry in entries(log))


def test_a_task_that_can_not_be_kept_is_logged_once(app, ec2, table, log):
    ec2.answers = [told("without-id")]
    for _ in range(3):
        assert app.handler({}, CONTEXT)["bundle"]["listed"] == 1
    said = [entry["reason"] for entry in entries(log) if entry["message"] == "a task can't be kept"]
    assert len(said) == len(set(said)) == 2
    assert len(tasks(table)) == 1


def test_it_notes_that_it_did_not_come_with_bytecode(app, ec2, table, log):
    """As here, where the package is read from its source."""
    app.handler({}, CONTEXT)
    [roster] = [row for row in table.rows.values() if row["scope"] == "roster"]
    assert roster["without_bytecode"] == f"python{sys.version_info.major}.{sys.version_info.minor}"


def test_the_answer_can_be_written_as_json(app, ec2, log):
    assert json.loads(json.dumps(app.handler({}, CONTEXT)))["bundle"]["listed"] == 1


def test_no_secret_is_logged_or_stored(app, ec2, table, log):
    ec2.answers = [told("with-secrets"), told("no-xml")]
    app.handler({}, CONTEXT)
    with pytest.raises(PollError) as caught:
        app.handler({}, CONTEXT)
    assert "SECRET" not in log.getvalue() + repr(table.rows) + str(caught.value)
    assert "uploadpolicy" not in log.getvalue().lower() + repr(table.rows).lower()


def test_a_poll_that_fails_fails_the_function(app, ec2, table, log):
    ec2.answers = [told("html-page")]
    with pytest.raises(PollError, match="malformed answer"):
        app.handler({}, CONTEXT)
    assert tasks(table) == {}


def test_the_time_that_is_left_is_the_functions(app, ec2, table):
    context = SimpleNamespace(**{**vars(CONTEXT), "get_remaining_time_in_millis": lambda: 1000})
    with pytest.raises(PollError, match="out of time"):
        app.handler({}, context)
    assert ec2.requests == []


def test_the_retention_is_the_templates(app, ec2, table, log, monkeypatch):
    monkeypatch.setenv("RETENTION_DAYS", "90")
    monkeypatch.setattr(app.times, "now", lambda: app.times.parse("2027-11-23T12:00:00.000Z"))
    assert app.handler({}, CONTEXT)["bundle"] == {"listed": 1, "written": 0, "ended": {}}
    assert tasks(table) == {}


def test_a_warm_function_keeps_its_settings_and_clients(app, ec2, log, made):
    app.handler({}, CONTEXT)
    settings = app.settings()
    app.handler({}, CONTEXT)
    assert sorted(made) == ["dynamodb", "ec2", "sns"]
    assert app.settings() is settings


REGIONS = Answer(
    b"<DescribeRegionsResponse><regionInfo>"
    b"<item><regionName>us-west-1</regionName></item><item><regionName>us-east-2</regionName></item>"
    b"</regionInfo></DescribeRegionsResponse>"
)
NO_REGIONS = Answer(b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>")
NO_CODE = Answer(b"<Response><Errors><Error/></Errors></Response>", 400)
DENIED = replace(told("error-unauthorized"), status=403)


@pytest.fixture
def by_region(monkeypatch, table):
    """Yield the canned EC2 of each region that the handler uses."""
    with canned_ec2(told("complete")) as own, canned_ec2(told("storing")) as other:
        services = {"ec2": own.client(), "dynamodb": DynamoDb(table), "sns": Sns()}
        regional = {"us-west-1": other.client()}
        monkeypatch.setattr(
            clients, "client", lambda service, region_name=None: regional.get(region_name) or services[service]
        )
        yield {"us-east-2": own, "us-west-1": other}


@pytest.mark.parametrize("setting", ["us-west-1,us-east-2", "all"])
def test_every_watched_region_is_polled(setting, app, by_region, log, table, monkeypatch):
    monkeypatch.setenv("REGIONS", setting)
    by_region["us-east-2"].by_action["DescribeRegions"] = REGIONS
    told_back = app.handler({}, CONTEXT)
    assert {key.scope: row["state"] for key, row in table.rows.items() if key.scope != "roster"} == {
        "123456789012/us-east-2": "complete",
        "123456789012/us-west-1": "storing",
    }
    assert told_back.keys() == {"bundle", "us-west-1/bundle"}
    app.handler({}, CONTEXT)
    assert [line["listed"] for line in entries(log)] == [{"bundle": 2}, {"bundle": 2}]
    asked = [request["Action"] for request in by_region["us-east-2"].requests]
    assert asked.count("DescribeRegions") == (1 if setting == "all" else 0), "once an hour"
    roster = table.rows["roster", "123456789012"]
    assert roster.get("regions") == ("us-east-2 us-west-1" if setting == "all" else None)


def test_a_denied_region_does_not_affect_the_others(app, by_region, log, table, monkeypatch):
    monkeypatch.setenv("REGIONS", "us-west-1,us-east-2")
    by_region["us-west-1"].answers = [DENIED]
    assert app.handler({}, CONTEXT)["us-west-1/bundle"] == {"unreadable": "denied"}
    assert [row["state"] for key, row in table.rows.items() if key.scope != "roster"] == ["complete"]
    [change, _] = entries(log)
    assert (change["kind"], change["unreadable"]) == ("us-west-1/bundle", "denied")


@pytest.mark.parametrize("answer", [NO_REGIONS, NO_CODE, DENIED], ids=["none", "no code", "denied"])
def test_unknown_regions_fail_the_poll_but_not_its_lists(answer, app, by_region, log, table, monkeypatch, capsys):
    monkeypatch.setenv("REGIONS", "all")
    by_region["us-east-2"].by_action["DescribeRegions"] = answer
    with pytest.raises(PollError, match="the enabled regions are not known"):
        app.handler({}, CONTEXT)
    assert [row["state"] for key, row in table.rows.items() if key.scope != "roster"] == ["complete"]
    assert figures(capsys)["GoodPolls"] == [0]


def test_a_new_environment_knows_the_regions_of_the_roster(app, by_region, table, monkeypatch):
    monkeypatch.setenv("REGIONS", "all")
    by_region["us-east-2"].by_action["DescribeRegions"] = REGIONS
    app.handler({}, CONTEXT)
    by_region["us-east-2"].by_action["DescribeRegions"] = DENIED
    before = len(by_region["us-west-1"].requests)
    with pytest.raises(PollError, match="the enabled regions are not known"):
        load("recorder").handler({}, CONTEXT)
    assert len(by_region["us-west-1"].requests) == before + 1


def test_without_roster_and_history_the_own_region_is_known(app, table):
    class Refusing(DynamoDb):
        def batch_get_item(self, **_request):
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "BatchGetItem")

    for dynamodb in (DynamoDb(table), Refusing(table)):
        assert app.recorded_regions(HistoryTable(dynamodb, "history")) == ("us-east-2",)


REQUIRED = [name for name in RECORDER if name not in {"EVENT_BUS", "REGIONS"}]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_setting_that_is_missing_is_named(name, app, ec2, monkeypatch):
    monkeypatch.delenv(name)
    with pytest.raises(SettingError, match=f"the environment variable {name} is missing"):
        app.handler({}, CONTEXT)
    assert ec2.requests == []


def test_all_that_is_missing_is_named_at_once(app, ec2, monkeypatch):
    for name in REQUIRED:
        monkeypatch.delenv(name)
    with pytest.raises(SettingError) as caught:
        app.handler({}, CONTEXT)
    assert all(name in str(caught.value) for name in REQUIRED)


WITHOUT_ANYTHING = """
import importlib.util
import sys

def forbid(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.bind"}:
        raise AssertionError(event)

sys.addaudithook(forbid)
sys.path.insert(0, sys.argv[2])
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert callable(module.handler)
"""


def test_its_import_needs_neither_environment_nor_network():
    command = [sys.executable, "-c", WITHOUT_ANYTHING, str(APP), str(ROOT / "layers" / "core")]
    imported = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "", "")
