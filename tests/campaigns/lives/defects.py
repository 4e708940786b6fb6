"""Defects that the histories must find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from operator import methodcaller
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from task_reporter.errors import HistoryError, MalformedAnswerError
from task_reporter.history import table as history
from task_reporter.history.rows import AWAITING_NOTIFICATION, NOTIFIED_AT, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.import_image import IMPORT_IMAGE
from task_reporter.kinds.kind import LOST, Kind
from task_reporter.kinds.table import ALL
from task_reporter.notifying import announce, digest
from task_reporter.notifying.bus import Bus
from task_reporter.notifying.marks import SETTLED, Marker
from task_reporter.recording import missing, poll_lists, projection, recorder, redrive, roster, transitions
from task_reporter.times import to_text
from tests.campaigns.hunting import Defect, Step, around, instead
from tests.campaigns.lives import world
from tests.campaigns.lives.machine import AFTERWARDS, NO_LISTS
from tests.campaigns.lives.world import OTHER_SCOPE, WRITE
from tests.support.dynamodb import DynamoDb, Table
from tests.support.inline import INLINE


def all_tasks(move: str) -> Step:
    return methodcaller("move_all", move=move, code_delay=0)


POLL, POLL_SOON = methodcaller("poll", minutes=5), methodcaller("poll", minutes=1)
DELIVER, DELETE_BUS = methodcaller("deliver", first=0), methodcaller("change_bus", exists=False)
START_THREE = methodcaller("start", many=3, past=[])
COMPLETE = all_tasks("complete")
END_BEFORE_CONFIRMATION = methodcaller("end_before_confirmation", minutes=5, pending=1)
OVERTAKE = methodcaller("poll_twice_at_once", at=WRITE, more=0, moves=[(0, "complete", 0)])
HIDE_TWICE = methodcaller("hide_twice", long=16)


def end_again(real: Any, kind: Any, task: Any, row: Any, poll: Any) -> Any:
    has_ended = row and row.get("outcome", LOST) != LOST
    return transitions._advance(kind, task, row, poll) if has_ended else real(kind, task, row, poll)


def mark_first(real: Any, rows: Any, topic: Any, policy: Any, marker: Any, *rest: Any) -> Any:
    marker.mark(rows, NOTIFIED_AT)
    real(rows, topic, policy, marker, *rest)


def forget_applied_writes(real: Any, *arguments: Any) -> Any:
    try:
        return real(*arguments)
    except HistoryError as error:
        raise HistoryError(error.problems) from error


def mark_any_outcome(real: Any, *arguments: Any) -> Any:
    mark = real(*arguments)
    return replace(mark, expected={"awaiting": mark.expected["awaiting"]})


def drop_awaiting(real: Any, *arguments: Any) -> Any:
    return replace(real(*arguments), remove=SETTLED)


def shorten_data(real: Any, *arguments: Any) -> Any:
    notice = real(*arguments)
    return replace(notice, data=notice.data | {"tasks": notice.data["tasks"][1:]})


def skip_failed_record(real: Any, *arguments: Any) -> Any:
    return {"batchItemFailures": real(*arguments)["batchItemFailures"][1:]}


def announce_all(real: Any, keys: Any, table: Any, *rest: Any, **named: Any) -> Any:
    def read(*arguments: Any) -> Any:
        rows = table.read(*arguments)
        unmarked = {key: {name: row[name] for name in row if name != NOTIFIED_AT} for key, row in rows.items()}
        awaiting = {"awaiting": AWAITING_NOTIFICATION}
        return {key: row | (awaiting if "outcome" in row else {}) for key, row in unmarked.items()}

    return real(keys, SimpleNamespace(read=read, apply=table.apply), *rest, **named)


def lose_at_once(_real: Any, row: Any, poll: Any) -> Any:
    now = to_text(poll.now)
    return Update(key_of(row), transitions.end_attributes(LOST, row | {"finished_at": now}, now), {})


def keep_missing(real: Any, kind: Any, task: Any, row: Any, poll: Any) -> Any:
    return real(kind, task, {name: value for name, value in row.items() if name != "missing_since"}, poll)


def read_no_list_as_empty(real: Any, *arguments: Any) -> Any:
    try:
        return real(*arguments)
    except MalformedAnswerError:
        return []


def read_nothing_if_denied(real: Any, *arguments: Any) -> Any:
    try:
        return real(*arguments)
    except ClientError:
        return projection.ProjectedTasks()


def hide_refusals(real: Any, self: Any, *arguments: Any) -> Any:
    rows = real(self, *arguments)
    for each in arguments[0]:
        each.result.incomplete = False
    return rows


def fail_together(real: Any, lists: Any, *rest: Any, **named: Any) -> Any:
    @cache
    def answers() -> list[Any]:
        return [INLINE.submit(each.read) for each in lists]

    def read(number: int) -> Any:
        failed = [answer for answer in answers() if answer.exception()]
        return (failed or answers()[number:])[0].result()

    together = [replace(each, read=partial(read, number)) for number, each in enumerate(lists)]
    return real(together, *rest, **named)


def only_own_region(before: Any, poll: Any) -> Any:
    own = {region: kinds for region, kinds in roster.parse_lists(before).items() if poll.scope.endswith(region)}
    return before and before | {"lists": roster._to_text(own)}


def read_first_page(real: Any, *arguments: Any, **request: Any) -> Any:
    return {"Items": real(*arguments, **request)["Items"]}


def kinds_with(kind: Kind, text: str, other: str) -> tuple[Kind, ...]:
    """Return all kinds; in the projection of ``kind`` the ``text`` is replaced."""
    spoilt = replace(kind, projection=kind.projection.replace(text, other))
    return tuple(spoilt if each is kind else each for each in ALL)


DEFECTS: Mapping[str, Defect] = {
    # Recorded
    "an insert has no condition": around(
        Table, "allows", lambda real, self, write: isinstance(write, Insert) or real(self, write), OVERTAKE,
    ),
    "an update has no condition": around(
        Table, "allows", lambda real, self, write: isinstance(write, Update) or real(self, write), POLL,
        all_tasks("step"), OVERTAKE,
    ),
    "a later poll ends a task again": around(recorder, "next_write", end_again, COMPLETE, POLL, POLL),
    "a late error code is not waited for": instead(
        transitions, "LATE_CODE_LIMIT", timedelta(0), methodcaller("delay_code", code_delay=60, end="cancelled late"),
    ),
    "a late error text is not waited for": instead(
        transitions, "LATE_CODE_LIMIT", timedelta(0), methodcaller("delay_code", code_delay=60, end="fail late"),
        kind="import-image",
    ),
    "the phase of a running task is its error": instead(
        world, "ALL", kinds_with(IMPORT_IMAGE, 'contains(`["deleted"]`, Status) && ', ""), POLL, kind="import-image",
    ),
    "the cancelling state is forgotten": instead(
        transitions, "_is_cancelling", lambda kind, task: False,
        methodcaller("cancel_without_code", minutes=1, later=5),
    ),
    "unprocessed keys are forgotten": around(
        HistoryTable, "_fetch", lambda real, self, keys: (real(self, keys)[0], []), START_THREE, POLL, COMPLETE, POLL,
        page=1,
    ),
    "a conflict counts as success": instead(
        history, "RETRYABLE", set(), START_THREE,
        methodcaller("poll_with_faults", minutes=5, plan={WRITE: "conflict"}, meanwhile=[]),
    ),
    "an overtaken write is not checked again": instead(
        recorder.ListPoll, "has_ended", lambda self, key: False, methodcaller("overtake_with_stale_list", at=WRITE),
    ),
    # Announced
    "a task is marked before its notice": around(
        announce, "_send_notices", mark_first, COMPLETE, POLL,
        methodcaller("deliver_with_faults", plan={2: "throttled"}, meanwhile=[], first=0, down=False),
    ),
    "a notice is sent without subscribers": around(
        world, "announce", lambda real, *arguments, must_wait, **named: real(*arguments, **named),
        END_BEFORE_CONFIRMATION,
    ),
    "writes before a failed request are forgotten": around(
        HistoryTable, "apply", forget_applied_writes, methodcaller("refuse_an_outcome", more=3),
    ),
    "a mark ignores the current outcome": around(
        Marker, "_update", mark_any_outcome, methodcaller("lose_and_find", at=3, end="complete", code_delay=0),
    ),
    "a digest's data lacks a task": around(
        digest, "_digest", shorten_data, START_THREE, COMPLETE, POLL, DELIVER, digest_above=1,
    ),
    "a digest lacks a task": around(
        digest, "_digest", lambda real, rows, part="": real(rows[1:], part), START_THREE, COMPLETE, POLL, DELIVER,
        digest_above=1,
    ),
    "a failed record is not requested again": around(
        world, "process_batch", skip_failed_record, methodcaller("refuse_some_notices", refusals={2: "throttled"}),
    ),
    "nobody checks that the bus exists": instead(
        Bus, "check", lambda self, deadline: None, DELETE_BUS, COMPLETE, POLL, DELIVER, bus=True,
    ),
    "a row awaits no event": around(
        Marker, "_update", drop_awaiting, DELETE_BUS, COMPLETE, POLL, DELIVER, bus=True,
    ),
    "a correction keeps the mark of the event": instead(
        transitions, "REMOVED_BY_CORRECTION", ("notified_at", "missing_since", "redriven_at", "redrives"),
        methodcaller("lose_and_find", at=AFTERWARDS, end="complete", code_delay=0), bus=True,
    ),
    "a correction counts as announced": instead(
        transitions, "REMOVED_BY_CORRECTION", ("missing_since",),
        methodcaller("lose_and_find", at=AFTERWARDS, end="complete", code_delay=0),
    ),
    "only the first page of the backlog is read": around(
        DynamoDb, "query", read_first_page, START_THREE, POLL, methodcaller("hide_some", step=2), page=1,
    ),
    "nothing is redriven": instead(
        redrive, "MAX_ROWS_PER_POLL", 0, COMPLETE, POLL, methodcaller("change_time", event="expiry"),
    ),
    # Once
    "tasks that do not wait are announced": around(
        world, "announce", announce_all, COMPLETE, POLL, DELIVER,
        methodcaller("deliver_again", picks=[0], split=False, plan={}),
    ),
    "announced tasks are not marked": instead(
        Marker, "mark", lambda self, rows, mark: None, COMPLETE, POLL, DELIVER,
    ),
    "a failure of the bus repeats the notice": around(
        Marker, "lacks", lambda real, self, row, mark: mark in self._needed, DELETE_BUS, COMPLETE, POLL, DELIVER,
        DELIVER, bus=True,
    ),
    "tasks are redriven without subscribers": instead(
        poll_lists.PollResult, "still_waiting", False, END_BEFORE_CONFIRMATION,
    ),
    # Settled
    "a task is lost at the first answer without it": around(missing, "_missing", lose_at_once, HIDE_TWICE),
    "a task is lost at the second answer without it": around(
        missing, "_missing", lambda real, row, poll: real(row, replace(poll, lost_after=timedelta(0))), POLL,
        all_tasks("hide"), POLL_SOON, POLL_SOON,
    ),
    "a superseded task is lost": around(
        recorder.ListPoll, "may_hold", lambda real, self, row: self.answer.may_hold(row), POLL, START_THREE,
        methodcaller("move_some", moves=[(0, "hide", 0)]), POLL, methodcaller("poll", minutes=16), kind="store-image",
    ),
    "a task that is listed again stays missing": around(transitions, "_advance", keep_missing, HIDE_TWICE),
    "a denied list is an empty list": around(
        poll_lists, "read_list", read_nothing_if_denied,
        methodcaller("answer_without_list", answer="denied"),
    ),
    "an answer without a list is an empty list": around(
        projection, "_search", read_no_list_as_empty,
        methodcaller("answer_without_list", answer=NO_LISTS[0]),
    ),
    "a redrive has no condition": around(
        redrive, "_redrive_write", lambda real, *arguments: replace(real(*arguments), expected={}),
        methodcaller("announce_during_redrive", at=WRITE),
    ),
    # Confidential, quiet, roster
    "the upload policy is recorded": instead(
        world, "ALL", kinds_with(BUNDLE, "S3.Prefix,", "S3.UploadPolicy,"), POLL,
    ),
    "a running task is written at each poll": around(
        transitions, "_news",
        lambda real, kind, task, row, poll: real(kind, task, row, poll) or {"state": row["state"]}, POLL, POLL,
    ),
    "the roster moves although rows were refused": around(
        recorder.Recorder, "record", hide_refusals, methodcaller("refuse_a_write", at=WRITE, more=2),
    ),
    # Apart
    "a row of another region has vanished": instead(
        recorder.ListPoll, "is_of", lambda self, row: row.get("kind") == self.kind.name, START_THREE, POLL,
        methodcaller("fail_a_region", minutes=1, scope=OTHER_SCOPE, fault="denied", move="step"), apart=True,
    ),
    "the roster forgets the other region": around(
        poll_lists, "roster_write",
        lambda real, before, records, poll, *rest: real(only_own_region(before, poll), records, poll, *rest),
        methodcaller("fail_a_region", minutes=1, scope=OTHER_SCOPE, fault="time-out", move="step", step=2), apart=True,
    ),
    "only the own region's backlog is read": instead(
        poll_lists, "common_scope", lambda scopes: scopes[0], START_THREE, POLL, all_tasks("forget"), apart=True,
    ),
    "one region's error fails all lists": around(
        world, "poll_lists", fail_together,
        methodcaller("fail_a_region", minutes=1, scope=OTHER_SCOPE, fault="denied", move="complete"), apart=True,
    ),
}  # fmt: skip
