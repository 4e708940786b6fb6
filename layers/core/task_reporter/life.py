"""A row's life: what EC2 lists now against what the history holds, and the one write that follows, if any.

Nothing here talks to anything. Every update is conditional on what was read, so two polls at once, or a poll
that was interrupted and begun again, can't undo each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from task_reporter.kinds import CANCELLED, FAILED, LOST, Kind
from task_reporter.projection import UNKNOWN_STATE
from task_reporter.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Row, Value, key_of
from task_reporter.times import moment, normalised, stamp
from task_reporter.writes import Insert, Update, Write

LATE_CODE = timedelta(minutes=3)
"""How long a failure waits for its error code, which EC2 fills in up to some two minutes late."""

ABSURD_CLOCK = timedelta(hours=1)
"""A time of EC2's that lies further ahead than this says nothing about how long we have waited."""

OF_THE_LOST = ("notified_at", "expires_at", "missing_since", "redriven_at", "redrives")
"""What a row holds of having been lost, and of that having been told."""

NO_TIME = timedelta(days=366)
"""What lies further ahead than this is no time at all; kept, it would lead every list for ever."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll knows besides the tasks."""

    scope: str
    now: datetime
    retention_days: int = 0
    """0 keeps rows for ever."""
    lost_after: timedelta = timedelta(minutes=15)
    """How long a running task is missing from good answers until it is lost."""
    redrive_after: timedelta = timedelta(minutes=10)
    """How long a row awaits its notification until it is sent to the notifier again, and then again."""
    silent_after: timedelta = timedelta(minutes=15)
    """How long EC2 may go unasked."""
    without_bytecode: str | None = None
    """The runtime that compiled this package as it started, because the layer has no bytecode for it."""


def next_write(kind: Kind, task: Row, row: Row | None, poll: Poll) -> Write | None:
    """The write that brings the history up to ``task`` as EC2 lists it, or None where nothing is new."""
    task = _believable(task, poll)
    if row is None:
        return _first(kind, task, poll)
    if row.get("outcome") == LOST:
        return _correction(kind, task, row, poll)
    if "outcome" in row:
        return _late_error(task, row)
    return _advance(kind, task, row, poll)


def _believable(task: Row, poll: Poll) -> Row:
    latest = stamp(poll.now + NO_TIME)
    return {name: value for name, value in task.items() if not (name.endswith("_at") and str(value) > latest)}


def outcome_of(kind: Kind, task: Row, before: Row, now: datetime) -> str | None:
    """How ``task`` ended, or None while that can't be said. ``before`` is its row so far, maybe empty."""
    ending = kind.endings.get(str(task["state"]))
    if ending != FAILED or kind.cancelled_code is None:
        return ending
    if _is_cancelling(kind, before) or task.get("error_code") == kind.cancelled_code:
        return CANCELLED
    if "error_code" not in task and now < _failed_since(task, now) + LATE_CODE:
        return None
    return FAILED


def _failed_since(task: Row, now: datetime) -> datetime:
    """The first time that can be believed; where there is none, which only others write, nothing is waited for."""
    times = (normalised(str(task.get(name, ""))) for name in ("updated_at", "first_seen_at"))
    since = (moment(time) for time in times if time)
    return next((time for time in since if time <= now + ABSURD_CLOCK), now - LATE_CODE)


def _is_cancelling(kind: Kind, task: Row) -> bool:
    return kind.cancelling_state is not None and task.get("state") == kind.cancelling_state


def _first(kind: Kind, task: Row, poll: Poll) -> Insert | None:
    now = stamp(poll.now)
    row = {"scope": poll.scope, "kind": kind.name, "first_seen_at": now, "updated_at": now, **task}
    outcome = outcome_of(kind, row, {}, poll.now)
    if outcome is None:
        return Insert({**row, "awaiting": AWAITING_OUTCOME, "awaiting_since": now})
    whole = {**row, **ended(outcome, row, now)}
    return None if _before_retention(whole, poll) else Insert(whole)


def _advance(kind: Kind, task: Row, row: Row, poll: Poll) -> Update | None:
    # It is listed, so it is not missing, even where the rest of the answer is no news.
    found = {name: row[name] for name in row.keys() & {"missing_since"}}
    news = {} if _lags(kind, task, row) else _news(kind, task, row, poll)
    if not news and not found:
        return None
    return Update(key_of(row), news, {**as_read(row), **found}, remove=tuple(found))


def _news(kind: Kind, task: Row, row: Row, poll: Poll) -> Row:
    """What of ``task`` the row does not hold yet, and its end where it has come."""
    now = stamp(poll.now)
    news = {name: value for name, value in task.items() if row.get(name) != value}
    if task["state"] == UNKNOWN_STATE:
        news.pop("state", None)
    # A row that somebody else wrote may lack its time, and then no index leads to it.
    if "updated_at" not in task and ("state" in news or "updated_at" not in row):
        news["updated_at"] = now
    seen = {**row, **news}
    outcome = outcome_of(kind, seen, row, poll.now)
    return news | ended(outcome, seen, now) if outcome else news


def as_read(row: Row) -> dict[str, Value | None]:
    """What must still hold for a decision about ``row`` to hold."""
    return {name: row.get(name) for name in ("outcome", "awaiting", "state", "updated_at")}


def _lags(kind: Kind, task: Row, row: Row) -> bool:
    """Whether ``task`` comes from a replica that is behind the row, so that nothing in it is news.

    Nothing leads back from having ended, nor from being cancelled, and whether that was seen decides the outcome.
    """
    ended_or_silent = {UNKNOWN_STATE, *kind.endings}
    if row.get("state") in kind.endings:
        return task["state"] not in ended_or_silent
    return _is_cancelling(kind, row) and task["state"] not in {kind.cancelling_state, *ended_or_silent}


def _correction(kind: Kind, task: Row, row: Row, poll: Poll) -> Update | None:
    """Correct a lost task once EC2 lists it as ended; then the truth is told in a second notice.

    A failure whose code may still come is reopened: it awaits its outcome again, because the next answer may lack the
    task, and nobody would settle a row that stayed lost.
    """
    if task["state"] not in kind.endings:
        return None
    now = stamp(poll.now)
    outcome = outcome_of(kind, {**row, **task}, row, poll.now)
    seen = {**row, "updated_at": now, **task}
    news = {name: value for name, value in seen.items() if row.get(name) != value}
    expected = {"outcome": LOST, "awaiting": row.get("awaiting")}
    if outcome is None:
        news |= {"awaiting": AWAITING_OUTCOME, "awaiting_since": now}
        return Update(key_of(row), news, expected, remove=("outcome", "finished_at", *OF_THE_LOST))
    news |= ended(outcome, seen | {"finished_at": task.get("finished_at", seen["updated_at"])}, now)
    return Update(key_of(row), news, expected, remove=OF_THE_LOST)


def _late_error(task: Row, row: Row) -> Update | None:
    """The error text that came after the outcome was told: kept, without a second notice."""
    late: Row = {name: task[name] for name in ("error_code", "error_message") if name in task and name not in row}
    if not late:
        return None
    return Update(key_of(row), late, {"outcome": row["outcome"], **dict.fromkeys(late)})


def ended(outcome: str, task: Row, now: str) -> Row:
    """What is written of ``task``, besides what EC2 said, when it ended with ``outcome``."""
    return {
        "outcome": outcome,
        # Somebody else may have written the row, without a time.
        "finished_at": task.get("finished_at") or task.get("updated_at") or now,
        "awaiting": AWAITING_NOTIFICATION,
        "awaiting_since": now,
    }


def _before_retention(row: Row, poll: Poll) -> bool:
    """Whether ``row`` ended so long ago that, recorded now, it would be announced again each time it expires."""
    if not poll.retention_days:
        return False
    return moment(str(row["finished_at"])) < poll.now - timedelta(days=poll.retention_days)
