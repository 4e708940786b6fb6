"""Findings about a hub: its rounds, accounts, and queue of assignments."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from task_reporter.history.rows import Row
from task_reporter.history.table import HistoryTable
from task_reporter.organization.members import ORGANIZATION_KEY, read_roster
from task_reporter.organization.overdue import OverdueScope, overdue_scopes
from task_reporter.times import seconds_since
from task_reporter_cli.organization.accounts import AccountState, account_states, summarize
from task_reporter_cli.organization.hub import Hub, watched_members
from task_reporter_cli.organization.states import OVERDUE
from task_reporter_cli.paging import paginate
from task_reporter_cli.status.findings import WELL, WRONG, Finding, make_finding
from task_reporter_cli.status.history import check_bytecode
from task_reporter_cli.status.parts import OFF_STATES, count_messages
from task_reporter_cli.time_formats import format_age, format_seconds

ROUND, ACCOUNTS, OVERDUE_REGIONS, ASSIGNMENTS = "last round", "accounts", "overdue regions", "assignments"
SCHEDULE, MAPPING = "PlannerFunctionRound", "AssignmentMapping"
"""Logical ids of the planner's schedule, and of the mapping from queue to recorder."""
OWN_ROW = ORGANIZATION_KEY.task_id
LISTED_WITHIN = timedelta(hours=3)
"""Longest acceptable time since Organizations listed the accounts, hourly by plan."""
MAX_NAMED = 3
RECENT = timedelta(minutes=15)
"""Time for which the age of messages is read, because CloudWatch is late."""


def check_roster(
    history: HistoryTable, hub: Hub, scope: str, silent: timedelta, now: datetime, flags: str
) -> Iterator[Finding]:
    """Return findings about the last round, the accounts, overdue regions, and bytecode.

    ``scope`` is where the stack stands, and ``silent`` the longest acceptable time between rounds. Raises botocore's
    errors.
    """
    members, own = read_roster(history)
    yield check_round(own, silent, now)
    yield check_accounts(account_states(members.values(), hub, now), now, flags)
    late = overdue_scopes(watched_members(members.values(), hub), hub.kinds, hub.quiet, now, hub.every)
    yield check_overdue(late, now, flags)
    if own_account := members.get(scope.partition("/")[0]):
        yield from check_bytecode(own_account.row)


def check_round(row: Row, silent: timedelta, now: datetime) -> Finding:
    """Check that rounds begin, and that Organizations lists the accounts."""
    began, listed = str(row.get("round_at", "")), str(row.get("accounts_at", ""))
    ago, listed_ago = seconds_since(began, now), seconds_since(listed, now)
    if ago is None:
        return Finding(ROUND, WRONG, "none yet", "see the planner's log and its schedule")
    text = f"{format_age(began, now)}, accounts listed {format_age(listed, now) if listed_ago is not None else 'never'}"
    if ago > silent.total_seconds():
        limit = format_seconds(int(silent.total_seconds()))
        return Finding(ROUND, WRONG, text, f"nothing for more than {limit}: see the planner's log and its schedule")
    is_recent = listed_ago is not None and listed_ago <= LISTED_WITHIN.total_seconds()
    return make_finding(is_recent, ROUND, text, "see the planner's log: Organizations does not list the accounts")


def check_accounts(states: Sequence[AccountState], now: datetime, flags: str) -> Finding:
    """Count the accounts in each state; overdue ones have a finding of their own."""
    if not states:
        return Finding(ACCOUNTS, WRONG, "none yet", "the planner lists them in its first round")
    is_well = not any(state.is_problem for state in states if state.state != OVERDUE)
    return make_finding(is_well, ACCOUNTS, summarize(states, now), f"task-reporter accounts{flags}")


def check_overdue(late: Sequence[OverdueScope], now: datetime, flags: str) -> Finding:
    """Name the regions of accounts that are overdue."""
    if not late:
        return Finding(OVERDUE_REGIONS, WELL, "none")
    more = f" and {len(late) - MAX_NAMED:,} more" if len(late) > MAX_NAMED else ""
    named = ", ".join(scope.name for scope in late[:MAX_NAMED])
    unread = format_seconds(int(now.timestamp()) - min(scope.since for scope in late))
    todo = f"task-reporter accounts --state {OVERDUE}{flags}; see the logs of the planner and the recorder"
    return Finding(OVERDUE_REGIONS, WRONG, f"{len(late):,}: {named}{more}, unread for up to {unread}", todo)


def check_assignments(
    functions: Any, sqs: Any, cloudwatch: Any, mapping: str, url: str, every: timedelta, now: datetime
) -> Finding:
    """Look at the queue between planner and recorder, and at its mapping.

    A message that is older than a round (``every``) is not worked on any more. Raises botocore's errors.
    """
    state = functions.get_event_source_mapping(UUID=mapping)["State"]
    count, age = count_messages(sqs, url), read_age(cloudwatch, url, now)
    text = state.lower()
    if count:
        text += f", {count:,} wait{f', the oldest for {format_seconds(age)}' if age else ''}"
    if state in OFF_STATES:
        todo = f"no account is asked: aws lambda update-event-source-mapping --enabled --uuid {mapping}"
        return Finding(ASSIGNMENTS, WRONG, text, todo)
    todo = "the recorder takes longer than a round: see its log and its throttled invocations"
    return make_finding(not count or age <= every.total_seconds(), ASSIGNMENTS, text, todo)


def read_age(cloudwatch: Any, url: str, now: datetime) -> int:
    """Return the age of the oldest message in seconds, 0 if unknown.

    Raises botocore's errors.
    """
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": url.rpartition("/")[2]}],
    }
    query = {"Id": "age", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}
    for answer in paginate(
        lambda **more: cloudwatch.get_metric_data(
            MetricDataQueries=[query], StartTime=now - RECENT, EndTime=now, ScanBy="TimestampDescending", **more
        )
    ):
        for result in answer["MetricDataResults"]:
            for value in result["Values"]:
                return int(value)
    return 0
