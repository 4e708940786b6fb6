"""Defects that the histories must find.

Each replaces one function, value or client while it is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from task_reporter.errors import HistoryError, MalformedAnswerError
from task_reporter.history import table as history
from task_reporter.history.rows import AWAITING_NOTIFICATION, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.bundle import BUNDLE
from task_reporter.kinds.kind import LOST
from task_reporter.notifying import announce, digest
from task_reporter.recording import missing, poll_kind, poll_kinds, projection, redrive, transitions
from task_reporter.times import to_text
from tests.campaigns.lives import world
from tests.support.dynamodb import DynamoDb, Table

Mutation = Callable[[], AbstractContextManager[Any]]


def instead(owner: Any, name: str, new: Any) -> Mutation:
    """Put ``new`` in the place of attribute ``name``."""
    return lambda: patch.object(owner, name, new)


def around(owner: Any, name: str, wrapper: Callable[..., Any]) -> Mutation:
    """Put ``wrapper`` in the place of function ``name``; its first argument is that function."""
    return lambda: patch.object(owner, name, _bound(wrapper, getattr(owner, name)))


def _bound(wrapper: Callable[..., Any], real: Any) -> Callable[..., Any]:
    # A plain function, so that it can be a method.
    return lambda *arguments, **named: wrapper(real, *arguments, **named)


def end_again(real: Any, kind: Any, task: Any, row: Any, poll: Any) -> Any:
    has_ended = row and row.get("outcome", LOST) != LOST
    return transitions._advance(kind, task, row, poll) if has_ended else real(kind, task, row, poll)


def mark_first(
    real: Any, notice: Any, table: Any, topic: Any, policy: Any, deadline: Any, clock: Any, *rest: Any
) -> Any:
    table.apply(announce._marks(notice.rows, policy, clock()), deadline.after_first_try())
    real(notice, table, topic, policy, deadline, clock, *rest)


def forget_applied(real: Any, *arguments: Any) -> Any:
    try:
        return real(*arguments)
    except HistoryError as error:
        raise HistoryError(error.problems) from error


def mark_any_outcome(real: Any, *arguments: Any) -> Any:
    return [replace(mark, expected={"awaiting": mark.expected["awaiting"]}) for mark in real(*arguments)]


def short_data(real: Any, *arguments: Any) -> Any:
    notice = real(*arguments)
    return replace(notice, data=notice.data | {"tasks": notice.data["tasks"][1:]})


def bring_too_few_again(real: Any, *arguments: Any) -> Any:
    return {"batchItemFailures": real(*arguments)["batchItemFailures"][1:]}


def announce_all(real: Any, keys: Any, table: Any, *rest: Any, **named: Any) -> Any:
    def read(*arguments: Any) -> Any:
        rows = table.read(*arguments)
        return {
            key: row | ({"awaiting": AWAITING_NOTIFICATION} if "outcome" in row else {}) for key, row in rows.items()
        }

    return real(keys, SimpleNamespace(read=read, apply=table.apply), *rest, **named)


def lose_at_once(_real: Any, row: Any, poll: Any) -> Any:
    now = to_text(poll.now)
    return Update(key_of(row), transitions.end_attributes(LOST, row | {"finished_at": now}, now), {})


def keep_missing(real: Any, kind: Any, task: Any, row: Any, poll: Any) -> Any:
    return real(kind, task, {name: value for name, value in row.items() if name != "missing_since"}, poll)


def no_list_is_empty(real: Any, *arguments: Any) -> Any:
    try:
        return real(*arguments)
    except MalformedAnswerError:
        return []


def never_refused(real: Any, *arguments: Any, **named: Any) -> Any:
    result = real(*arguments, **named)
    result.refused = False
    return result


def first_page(real: Any, *arguments: Any, **request: Any) -> Any:
    return {"Items": real(*arguments, **request)["Items"]}


LEAKY = replace(BUNDLE, projection=BUNDLE.projection.replace("S3.Prefix,", "S3.UploadPolicy,"))

MUTATIONS: dict[str, Mutation] = {
    # What was seen finished is kept
    "an insert without a condition": around(
        Table, "allows", lambda real, self, write: isinstance(write, Insert) or real(self, write)
    ),
    "an update without a condition": around(
        Table, "allows", lambda real, self, write: isinstance(write, Update) or real(self, write)
    ),
    "a later poll ends a task anew": around(poll_kind, "next_write", end_again),
    "the code that comes late is not waited for": instead(transitions, "LATE_CODE_LIMIT", timedelta(0)),
    "cancelling is forgotten": instead(transitions, "_is_cancelling", lambda kind, task: False),
    "keys that were not read are forgotten": around(
        HistoryTable, "_fetch", lambda real, self, keys: (real(self, keys)[0], [])
    ),
    "a conflict is taken for done": instead(history, "RETRYABLE", set()),
    "what was overtaken is not looked at again": instead(poll_kind, "_has_ended", lambda kind, task: False),
    # Every outcome is told
    "marked before it is published": around(announce, "_publish_and_mark", mark_first),
    "told to nobody": around(world, "announce", lambda real, *some, must_wait, **named: real(*some, **named)),
    "what was written before a request failed is forgotten": around(HistoryTable, "apply", forget_applied),
    "marked whatever the outcome is by now": around(announce, "_marks", mark_any_outcome),
    "a digest names one task too few": around(digest, "_digest", short_data),
    "a digest forgets a task": around(digest, "_digest", lambda real, rows, part="": real(rows[1:], part)),
    "a failed record is not brought again": around(world, "process_batch", bring_too_few_again),
    "a correction says that it was told": instead(transitions, "REMOVED_BY_CORRECTION", ("missing_since",)),
    "the rest of the waiting rows is not read": around(DynamoDb, "query", first_page),
    "nothing is sent again": instead(redrive, "MAX_ROWS_PER_POLL", 0),
    # Nothing is told twice
    "told whether or not it waits": around(world, "announce", announce_all),
    "no mark": instead(announce, "_marks", lambda *_: []),
    "sent again while nobody listens": instead(poll_kinds.PollResult, "still_waiting", False),
    # Nothing is lost too soon, nothing waits for ever
    "lost at the first answer without it": around(missing, "_missing", lose_at_once),
    "lost at the second answer without it": around(
        missing, "_missing", lambda real, row, poll: real(row, replace(poll, lost_after=timedelta(0)))
    ),
    "missing since long ago, though listed since": around(transitions, "_advance", keep_missing),
    "an answer without a list is an empty list": around(projection, "_search", no_list_is_empty),
    "sent again without a condition": around(
        redrive, "_redrive_write", lambda real, *arguments: replace(real(*arguments), expected={})
    ),
    # Secrets, quiet, heartbeat
    "the policy is kept": instead(world, "BUNDLE", LEAKY),
    "a task that is running is written at each poll": around(
        transitions, "_news", lambda real, kind, task, row, poll: real(kind, task, row, poll) or {"state": row["state"]}
    ),
    "the heart beats although rows were refused": around(poll_kinds, "poll_kind", never_refused),
}
