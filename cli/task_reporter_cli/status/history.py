"""What the history tells of the reporter: polls and their gaps, running tasks, lost ones, those nobody was told of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from task_reporter.heartbeat import heartbeat_key
from task_reporter.history import History
from task_reporter.kinds import LOST
from task_reporter.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Row
from task_reporter.times import seconds_since, stamp
from task_reporter.unfinished import rows_awaiting
from task_reporter_cli.reader import Answer, Question
from task_reporter_cli.status.findings import Finding, well_if
from task_reporter_cli.when import age, length, short

RECENT = timedelta(hours=24)
"""What is older was told long ago."""
NAMED = 3


def polls(history: History, scope: str, kinds: Sequence[str], silent: timedelta, now: datetime) -> Iterator[Finding]:
    """Two findings a kind: when EC2 was last asked with success, and whether it went unasked for too long.

    Raises HistoryError and botocore's errors.
    """
    rows = history.read([heartbeat_key(kind, scope) for kind in kinds])
    for kind in kinds:
        beat = rows.get(heartbeat_key(kind, scope), {})
        yield _poll(kind, beat, silent, now)
        yield _gap(kind, beat, now)


def _poll(kind: str, beat: Row, silent: timedelta, now: datetime) -> Finding:
    part, polled = f"last poll ({kind})", str(beat.get("polled_at", ""))
    ago = seconds_since(polled, now)
    if ago is None:
        return well_if(False, part, "none that went well yet", "see the recorder's log and the schedule")
    seen = "".join(f"; {told}" for told in _coverage(beat))
    todo = f"nothing for more than {length(int(silent.total_seconds()))}: see the recorder's log and the schedule"
    return well_if(
        ago <= silent.total_seconds(), part, f"{age(polled, now)}, {beat.get('listed', 0)} listed{seen}", todo
    )


def _gap(kind: str, beat: Row, now: datetime) -> Finding:
    part, since, until = (
        f"gaps, last 24 hours ({kind})",
        str(beat.get("blind_from", "")),
        str(beat.get("blind_until", "")),
    )
    ago = seconds_since(until, now)
    if ago is None or ago > RECENT.total_seconds():
        return well_if(True, part, "none in which a task could have come and gone unseen")
    text = f"between {short(since)} and {short(until)} UTC EC2 went unasked for longer than it was seen to list"
    return well_if(False, part, f"{text}: a task may have come and gone unseen", "look for what should have ended then")


def _coverage(beat: Row) -> Iterator[str]:
    """What the heartbeat knows of EC2's list; only numbers, for somebody else may have written something else."""
    gap, listed = beat.get("longest_gap_seconds"), beat.get("listed_for_seconds")
    if isinstance(gap, int) and gap > 0:
        yield f"longest gap {length(gap)}"
    if isinstance(listed, int) and listed > 0:
        yield f"EC2 was seen to list ended tasks for {length(listed)}"


def running(history: History) -> Finding:
    """How many tasks run. Raises botocore's errors."""
    return well_if(True, "running tasks", str(len(rows_awaiting(history, None, AWAITING_OUTCOME))))


def lost(history: History, now: datetime, flags: str) -> Finding:
    """Which tasks vanished lately and have not been seen again since. Raises botocore's errors."""
    asked = Question(outcomes=(LOST,), since=stamp(now - RECENT))
    ids = [str(row["task_id"]) for row in Answer(history.client, history.table, asked)]
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    text = f"{len(ids)}: {', '.join(ids[:NAMED])}{more}" if ids else "none"
    return well_if(not ids, "lost, last 24 hours", text, f"task-reporter list --outcome lost{flags}")


def untold(history: History, patience: timedelta, now: datetime, flags: str) -> Finding:
    """How many ended tasks nobody was told of yet. Raises botocore's errors."""
    rows = rows_awaiting(history, None, AWAITING_NOTIFICATION)
    if not rows:
        return well_if(True, "not announced", "none")
    since = min(str(row.get("awaiting_since", "")) for row in rows)
    ago = seconds_since(since, now)
    text = f"{len(rows)}, the oldest waits since {age(since, now) if ago is not None else 'an unknown time'}"
    return well_if(_is_short(ago, patience), "not announced", text, f"task-reporter redrive{flags}")


def _is_short(seconds: int | None, patience: timedelta) -> bool:
    return seconds is not None and seconds <= patience.total_seconds()


def kinds_of(parameters: Mapping[str, str]) -> list[str]:
    """The kinds that a stack watches."""
    return [kind.strip() for kind in parameters.get("TaskKinds", "bundle").split(",") if kind.strip()]
