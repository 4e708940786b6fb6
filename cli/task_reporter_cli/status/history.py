"""What the history tells of the reporter: polls, running tasks, tasks that nobody was told of."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from task_reporter.heartbeat import heartbeat_key
from task_reporter.history import History
from task_reporter.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Row
from task_reporter.times import seconds_since
from task_reporter.unfinished import rows_awaiting
from task_reporter_cli.status.findings import Finding, well_if
from task_reporter_cli.when import age, length


def polls(history: History, scope: str, kinds: Sequence[str], silent: timedelta, now: datetime) -> Iterator[Finding]:
    """One finding a kind: when EC2 was last asked with success. Raises HistoryError and botocore's errors."""
    rows = history.read([heartbeat_key(kind, scope) for kind in kinds])
    for kind in kinds:
        yield _poll(kind, rows.get(heartbeat_key(kind, scope), {}), silent, now)


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


def _coverage(beat: Row) -> Iterator[str]:
    if gap := beat.get("longest_gap_seconds"):
        yield f"longest gap {length(int(gap))}"
    if listed := beat.get("listed_for_seconds"):
        yield f"EC2 was seen to list ended tasks for {length(int(listed))}"


def running(history: History) -> Finding:
    """How many tasks run. Raises botocore's errors."""
    return well_if(True, "running tasks", str(len(rows_awaiting(history, None, AWAITING_OUTCOME))))


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
