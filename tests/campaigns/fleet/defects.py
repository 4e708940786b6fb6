"""Defects that only several accounts show, and that the histories must find."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from operator import methodcaller
from typing import Any

from task_reporter.errors import MalformedAnswerError
from task_reporter.history.backlog import query_awaiting
from task_reporter.history.rows import key_of
from task_reporter.history.writes import Update
from task_reporter.kinds.kind import LOST
from task_reporter.notifying import compose
from task_reporter.organization import account_table, due, members, planner, planning, problems
from task_reporter.organization.credentials import MemberRoles
from task_reporter.organization.members import LEFT, member_key
from task_reporter.organization.planner import Planner
from task_reporter.organization.worker import Worker
from task_reporter.recording.recorder import ListPoll
from task_reporter.recording.roster import parse_lists, record_of, roster_write
from task_reporter.recording.transitions import end_attributes
from task_reporter.times import to_text
from tests.campaigns.fleet import world
from tests.campaigns.fleet.services import EMPTY
from tests.campaigns.fleet.world import HUB, MEMBERS
from tests.campaigns.hunting import Defect, around, instead

FIRST, SECOND = MEMBERS
ROUND, HOUR = methodcaller("poll", minutes=5), methodcaller("poll", minutes=60)
CLOSE_ROLE = methodcaller("change_role", account=FIRST, opens=False, rounds=0)
OPEN_ROLE = methodcaller("change_role", account=FIRST, opens=True, rounds=0)
RESTART = methodcaller("restart")
LEAVE = methodcaller("change_state", account=FIRST, state="", wait=60)
COME_BACK = methodcaller("change_state", account=FIRST, state="ACTIVE", wait=60)
REFUSE = methodcaller("refuse_lists", place=f"{FIRST}/*", fault="denied", move="step", rounds=3)
DELAY = methodcaller("delay_messages", held={FIRST}, late=30, move="complete")
EMPTY_ORGANIZATION = methodcaller("change_organizations", outage=EMPTY, wait=60)
FAIL = methodcaller("move_all", move="fail without code", code_delay=0)
WAIT = methodcaller("change_time", event="an hour")
COMPLETE = methodcaller("move_all", move="complete", code_delay=0)


def together(*defects: Defect) -> Defect:
    """Inject several defects, of which the last one has the scene."""

    def inject() -> AbstractContextManager[Any]:
        stack = ExitStack()
        for each in defects:
            stack.enter_context(each.inject())
        return stack

    return replace(defects[-1], inject=inject)


def in_the_hubs_scope(real: Any, self: Any, poll: Any, kind: Any, region: str) -> Any:
    return replace(real(self, poll, kind, region), scope=f"{HUB}/{region}")


def forget_the_denied(real: Any, member: Any, *arguments: Any) -> Any:
    return ({}, False) if member.unreadable else real(member, *arguments)


def lose_running_rows(real: Any, self: Any, known: Any, poll: Any, deadline: Any) -> Any:
    real(self, known, poll, deadline)
    left = {account for account, member in known.items() if member.status == LEFT}
    now = to_text(poll.now)
    for row in query_awaiting(self.history, None, "outcome", deadline):
        if str(row["scope"]).partition("/")[0] in left:
            self.history.apply([Update(key_of(row), end_attributes(LOST, row | {"finished_at": now}, now), {})])
    return True


def count_as_done(real: Any, self: Any, assignment: Any, poll: Any, *arguments: Any) -> Any:
    result = real(self, assignment, poll, *arguments)
    if result.dropped:
        key, now = member_key(assignment.account), int(poll.now.timestamp())
        before = self.history.read([key]).get(key)
        lists = parse_lists(before)
        records = {
            region: {kind: replace(record_of(lists, f"/{region}", kind), at=now) for kind in kinds}
            for region, kinds in assignment.due.items()
        }
        write = roster_write(before, records, replace(poll, scope=f"{assignment.account}/", member=True))
        self.history.apply([write] if write else [])
    return result


def without_ends(real: Any, *arguments: Any) -> Any:
    changes = real(*arguments)
    changes.over.clear()
    return changes


def without_marks(real: Any, *arguments: Any) -> Any:
    changes = real(*arguments)
    changes.announced.clear()
    return changes


def read_no_account_as_none(real: Any, *arguments: Any) -> Any:
    try:
        return real(*arguments)
    except MalformedAnswerError:
        return []


def forget_awaited_outcomes(real: Any, self: Any, *arguments: Any) -> None:
    real(self, *arguments)
    self.awaited_outcome = False


WRONG_SCOPE = around(Worker, "_context", in_the_hubs_scope, ROUND)

DEFECTS: Mapping[str, Defect] = {
    # Own
    "the worker writes into the hub's scope": WRONG_SCOPE,
    "a digest is of several accounts": instead(
        compose, "_by_account", lambda rows: [rows] if rows else [], ROUND, COMPLETE, ROUND,
        digest_above=1, first=6,
    ),
    "nobody guards the rows of other accounts": together(
        instead(account_table, "check_account", lambda writes, account: None), WRONG_SCOPE,
    ),
    "the worker uses another account's credentials": around(
        MemberRoles, "credentials", lambda real, self, account: real(self, FIRST if account == SECOND else account),
        ROUND,
    ),
    # Due
    "a denied account is never planned again": around(
        planning, "_due", forget_the_denied, CLOSE_ROLE, RESTART, ROUND, OPEN_ROLE, ROUND,
    ),
    "an account that comes back still has to wait": instead(
        members, "OF_A_FORMER_TIME", ("left_at",), CLOSE_ROLE, RESTART, ROUND, ROUND, HOUR, HOUR, LEAVE, OPEN_ROLE,
        COME_BACK,
    ),
    "a hot list waits like a quiet one": instead(due, "ACTIVE_FOR", timedelta(0), ROUND),
    "a list is quiet although an outcome is awaited": around(
        ListPoll, "take_tasks", forget_awaited_outcomes, WAIT, FAIL, ROUND, ROUND, kind="store-image",
    ),
    "a dropped message counts as done": around(Worker, "work", count_as_done, DELAY),
    # Settled
    "the running rows of an account that left are lost": around(
        Planner, "_update_members", lose_running_rows, LEAVE,
    ),
    "the planner redrives nothing": instead(
        planner, "redrive_waiting", lambda *arguments: None, COMPLETE, ROUND,
        methodcaller("change_time", event="expiry"),
    ),
    "no account listed means that all have left": around(
        world, "list_accounts", read_no_account_as_none, EMPTY_ORGANIZATION,
    ),
    # Problems
    "a problem is announced at its first sighting": instead(problems, "SIGHTINGS", 1, REFUSE),
    "the end of a problem is not announced": around(planner, "find_changes", without_ends, REFUSE),
    "announced problems are not marked": around(planner, "find_changes", without_marks, REFUSE),
}  # fmt: skip
