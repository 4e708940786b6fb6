"""Transitions of a row: from listed task and stored row to one write.

Nothing here talks to a service. Every update carries as its condition what was read, so two concurrent polls, or an
interrupted poll and its repetition, can't undo each other's writes.
"""

from datetime import datetime, timedelta

from task_reporter.history.rows import (
    ACCOUNT_NAME,
    AWAITING_NOTIFICATION,
    AWAITING_OUTCOME,
    EVENT_SENT_AT,
    HELD_FOR,
    HELD_FOR_DIGEST,
    MISSING_SINCE,
    NOTIFIED_AT,
    UNREACHABLE_SINCE,
    Row,
    Value,
    expiry,
    key_of,
)
from task_reporter.history.writes import Insert, Update, Write
from task_reporter.kinds.kind import CANCELLED, FAILED, LOST, Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.projection import UNKNOWN_STATE
from task_reporter.times import normalize, parse, to_text

LATE_CODE_LIMIT = timedelta(minutes=3)
"""Time that a failed task waits for its error code.

EC2 adds the code up to some two minutes late.
"""

MAX_CLOCK_SKEW = timedelta(hours=1)
"""Largest clock difference at which a time still measures how long a task waited."""

MAX_FUTURE = timedelta(days=366)
"""Ignore timestamps further in the future than this.

A row with one would stay first in every list.
"""

EXPIRY_MARGIN = 30 * 24 * 3600
"""Seconds before its expiry at which a listed task's row gets more time."""

UNSEEN = (MISSING_SINCE, UNREACHABLE_SINCE)
"""Attributes that a row has while its task can't be seen."""

REMOVED_BY_CORRECTION = (NOTIFIED_AT, EVENT_SENT_AT, "expires_at", *UNSEEN, "redriven_at", "redrives")
"""Attributes that a correction removes from the row of a lost task."""


def next_write(kind: Kind, task: Row, row: Row | None, poll: PollContext) -> Write | None:
    """Return the write for ``task`` as EC2 lists it, or None without news."""
    task = _without_absurd_times(task, poll) | ({ACCOUNT_NAME: poll.account_name} if poll.account_name else {})
    if row is None:
        return _insert(kind, task, poll)
    if row.get("outcome") == LOST:
        return _correction(kind, task, row, poll) or _later_expiry(row, poll)
    if "outcome" in row:
        return _late_error(task, row) or _later_expiry(row, poll)
    return _advance(kind, task, row, poll)


def _without_absurd_times(task: Row, poll: PollContext) -> Row:
    latest = to_text(poll.now + MAX_FUTURE)
    return {name: value for name, value in task.items() if not (name.endswith("_at") and str(value) > latest)}


def outcome_of(kind: Kind, task: Row, before: Row, now: datetime) -> str | None:
    """Return the outcome of ``task``, or None while it is not known.

    ``before`` is its row so far, or empty.
    """
    ending = kind.endings.get(str(task["state"]))
    if ending != FAILED:
        return ending
    if _is_cancelling(kind, before):
        return CANCELLED
    if outcome := kind.failure(task):
        return outcome
    return None if now < _failed_since(task, now) + LATE_CODE_LIMIT else kind.without_reason


def _failed_since(task: Row, now: datetime) -> datetime:
    """Return the first plausible time of the failure.

    Only a row that another program wrote has none. Its error code is not waited for.
    """
    times = (normalize(str(task.get(name, ""))) for name in ("updated_at", "first_seen_at"))
    since = (parse(time) for time in times if time)
    return next((time for time in since if time <= now + MAX_CLOCK_SKEW), now - LATE_CODE_LIMIT)


def _is_cancelling(kind: Kind, task: Row) -> bool:
    return kind.cancelling_state is not None and task.get("state") == kind.cancelling_state


def _insert(kind: Kind, task: Row, poll: PollContext) -> Insert | None:
    now = to_text(poll.now)
    row = {"scope": poll.scope, "kind": kind.name, "first_seen_at": now, "updated_at": now, **task}
    outcome = outcome_of(kind, row, {}, poll.now)
    if outcome is None:
        return Insert({**row, "awaiting": AWAITING_OUTCOME, "awaiting_since": now})
    ended = {**row, **end_attributes(outcome, row, now)}
    return None if _ended_before_retention(ended, poll) else Insert(ended)


def _advance(kind: Kind, task: Row, row: Row, poll: PollContext) -> Update | None:
    # A listed task can be seen, even where the rest of the answer is stale.
    unseen = {name: row[name] for name in UNSEEN if name in row}
    news = {} if _is_stale(kind, task, row) else _news(kind, task, row, poll)
    if not news and not unseen:
        return None
    unchanged = unchanged_since_read(row)
    if not news.keys() & unchanged.keys():
        # After such a write the others' conditions would still hold, so each would repeat or undo it.
        unchanged |= {name: row.get(name) for name in news}
    return Update(key_of(row), news, {**unchanged, **unseen}, remove=tuple(unseen))


def _news(kind: Kind, task: Row, row: Row, poll: PollContext) -> Row:
    """Return the new attributes of ``task``, and its end where it has ended."""
    now = to_text(poll.now)
    news = {name: value for name, value in task.items() if row.get(name) != value}
    if task["state"] == UNKNOWN_STATE:
        news.pop("state", None)
    # A row that another program wrote may have no time, and then no index contains it.
    if "updated_at" not in task and ("state" in news or "updated_at" not in row):
        news["updated_at"] = now
    updated = {**row, **news}
    outcome = outcome_of(kind, updated, row, poll.now)
    return news | end_attributes(outcome, updated, now) if outcome else news


def unchanged_since_read(row: Row) -> dict[str, Value | None]:
    """Return the condition under which a decision about ``row`` still holds."""
    return {name: row.get(name) for name in ("outcome", "awaiting", "state", "updated_at")}


def _is_stale(kind: Kind, task: Row, row: Row) -> bool:
    """Tell whether ``task`` comes from a replica older than the row.

    No state leads back from an end, nor from cancelling; and whether cancelling was seen decides the outcome.
    """
    ended_or_silent = {UNKNOWN_STATE, *kind.endings}
    if row.get("state") in kind.endings:
        return task["state"] not in ended_or_silent
    return _is_cancelling(kind, row) and task["state"] not in {kind.cancelling_state, *ended_or_silent}


def _correction(kind: Kind, task: Row, row: Row, poll: PollContext) -> Update | None:
    """Correct a lost task once EC2 lists it as ended.

    A second notice announces the real outcome.

    A failure whose error code may still come awaits its outcome again. It must not stay lost meanwhile: where the next
    answer lacks the task, nothing would settle the row.
    """
    if task["state"] not in kind.endings:
        return None
    now = to_text(poll.now)
    updated = {**row, "updated_at": now, **task}
    outcome = outcome_of(kind, updated, row, poll.now)
    news = {name: value for name, value in updated.items() if row.get(name) != value}
    expected = {"outcome": LOST, "awaiting": row.get("awaiting")}
    if outcome is None:
        news |= {"awaiting": AWAITING_OUTCOME, "awaiting_since": now}
        return Update(key_of(row), news, expected, remove=("outcome", "finished_at", *REMOVED_BY_CORRECTION))
    finished_at = task.get("finished_at", updated["updated_at"])
    news |= end_attributes(outcome, updated | {"finished_at": finished_at}, now)
    return Update(key_of(row), news, expected, remove=REMOVED_BY_CORRECTION)


def _late_error(task: Row, row: Row) -> Update | None:
    """Add an error text that came after the outcome, without a second notice."""
    late: Row = {name: task[name] for name in ("error_code", "error_message") if name in task and name not in row}
    if not late:
        return None
    return Update(key_of(row), late, {"outcome": row["outcome"], **dict.fromkeys(late)})


def _later_expiry(row: Row, poll: PollContext) -> Update | None:
    """Postpone the expiry of a row whose task EC2 still lists.

    Without the row, the next poll would record and announce the task anew.
    """
    expires_at, now = row.get("expires_at"), int(poll.now.timestamp())
    later = expiry(poll.now, poll.retention_days)
    if not poll.retention_days or not isinstance(expires_at, int) or expires_at > min(now + EXPIRY_MARGIN, later - 1):
        return None
    return Update(key_of(row), {"expires_at": later}, {"outcome": row["outcome"], "expires_at": expires_at})


def without_notice(write: Write, poll: PollContext) -> Write:
    """Return ``write``, changed so that no notice follows where it inserts an ended task."""
    if not (isinstance(write, Insert) and "outcome" in write.row):
        return write
    row = {name: value for name, value in write.row.items() if name not in ("awaiting", "awaiting_since")}
    if poll.retention_days:
        row["expires_at"] = expiry(poll.now, poll.retention_days)
    return Insert(row)


def with_digest(write: Write) -> Write:
    """Return ``write``, changed so that an ended task waits for the account's digest."""
    if not (isinstance(write, Insert) and "outcome" in write.row):
        return write
    return Insert({**write.row, HELD_FOR: HELD_FOR_DIGEST})


def end_attributes(outcome: str, task: Row, now: str) -> Row:
    """Return the attributes that ``task`` gets when it ends, besides those that EC2 lists."""
    return {
        "outcome": outcome,
        # Another program may have written the row without a time.
        "finished_at": task.get("finished_at") or task.get("updated_at") or now,
        "awaiting": AWAITING_NOTIFICATION,
        "awaiting_since": now,
    }


def _ended_before_retention(row: Row, poll: PollContext) -> bool:
    """Tell whether ``row`` would expire while EC2 still lists its task.

    Each poll would then record and announce it anew.
    """
    if not poll.retention_days:
        return False
    return parse(str(row["finished_at"])) < poll.now - timedelta(days=poll.retention_days)
