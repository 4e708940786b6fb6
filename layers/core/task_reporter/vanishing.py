"""What becomes of a row that awaits its outcome when EC2 no longer lists the task.

Only good answers come here: one that is broken, or not all there, says nothing of what it does not hold.
"""

from datetime import timedelta

from task_reporter.kinds import LOST, Kind
from task_reporter.life import Poll, as_read, ended, outcome_of
from task_reporter.rows import Row, key_of
from task_reporter.times import moment, normalised, stamp
from task_reporter.writes import Update

LONGEST_POLL = timedelta(minutes=15)
"""No function of Lambda's runs for longer; what was seen further ahead was seen by a clock that was wrong."""


def write_unlisted(kind: Kind, row: Row, poll: Poll) -> Update | None:
    """The write for a row that awaits its outcome and is no longer listed, or None.

    One that was seen to fail waits no longer for its code than a listed one does. One that was seen to run is missing
    at first, and lost when it has been missing for long enough. A row that somebody else wrote and that says too
    little is left alone.
    """
    if not {"state", "updated_at", "first_seen_at"} <= row.keys():
        return None
    if outcome := outcome_of(kind, row, row, poll.now):
        return Update(key_of(row), ended(outcome, row, stamp(poll.now)), as_read(row))
    if row["state"] in kind.endings or _is_newer(row, poll):
        return None
    return _missing(row, poll)


def _is_newer(row: Row, poll: Poll) -> bool:
    """Whether another poll saw the task first after this one began, whose answer may not know it yet."""
    return stamp(poll.now) < str(row["first_seen_at"]) <= stamp(poll.now + LONGEST_POLL)


def _missing(row: Row, poll: Poll) -> Update | None:
    now = stamp(poll.now)
    since = normalised(str(row.get("missing_since", "")))
    unchanged = as_read(row) | {"missing_since": row.get("missing_since")}
    if since is None or since > now:  # missing since today, or since a time that a clock made up
        return Update(key_of(row), {"missing_since": now}, unchanged)
    if since == now or moment(since) + poll.lost_after > poll.now:
        return None
    # When it ended nobody knows, so what counts is when it was declared.
    return Update(key_of(row), ended(LOST, row | {"finished_at": now}, now), unchanged)
