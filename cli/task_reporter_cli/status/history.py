"""Findings in the history: polls, gaps, and running, lost and unannounced tasks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter.history.backlog import query_awaiting
from task_reporter.history.rows import AWAITING_NOTIFICATION, AWAITING_OUTCOME, Key, Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import LOST
from task_reporter.kinds.table import KINDS
from task_reporter.recording.heartbeat import heartbeat_key
from task_reporter.times import seconds_since, to_text
from task_reporter_cli.actions.audience import Audience
from task_reporter_cli.errors import CommandLineError
from task_reporter_cli.history.reader import QueryResults, TaskQuery
from task_reporter_cli.status.findings import WELL, Finding, make_finding
from task_reporter_cli.time_formats import format_age, format_for_column, format_seconds

RECENT = timedelta(hours=24)
"""The age up to which something is news."""
MAX_NAMED = 3
UNANNOUNCED = "not announced"


def heartbeat_keys(scope: str, parameters: Mapping[str, str]) -> dict[str, Key]:
    """Map each kind that a stack watches to the key of its heartbeat."""
    return {kind: heartbeat_key(kind, scope) for kind in watched_kinds(parameters)}


def check_polls(history: HistoryTable, beats: Mapping[str, Key], silent: timedelta, now: datetime) -> Iterator[Finding]:
    """Return two findings for each kind: last good poll, last long gap.

    One more where the layer has no bytecode. ``beats`` maps the kinds to the keys of their heartbeats. Raises
    HistoryError and botocore's errors.
    """
    rows = history.read(beats.values())
    for kind, key in beats.items():
        beat = rows.get(key, {})
        yield _check_poll(kind, beat, silent, now)
        yield _check_gap(kind, beat, now)
    yield from _check_bytecode(rows.values())


def _check_poll(kind: str, beat: Row, silent: timedelta, now: datetime) -> Finding:
    part, polled = f"last poll ({kind})", str(beat.get("polled_at", ""))
    ago = seconds_since(polled, now)
    if ago is None:
        return make_finding(False, part, "none that went well yet", "see the recorder's log and the schedule")
    seen = "".join(f"; {told}" for told in _describe_coverage(beat))
    todo = (
        f"nothing for more than {format_seconds(int(silent.total_seconds()))}: see the recorder's log and the schedule"
    )
    return make_finding(
        ago <= silent.total_seconds(), part, f"{format_age(polled, now)}, {beat.get('listed', 0)} listed{seen}", todo
    )


def _check_gap(kind: str, beat: Row, now: datetime) -> Finding:
    part, since, until = (
        f"gaps, last 24 hours ({kind})",
        str(beat.get("blind_from", "")),
        str(beat.get("blind_until", "")),
    )
    ago = seconds_since(until, now)
    if ago is None or ago > RECENT.total_seconds():
        return make_finding(True, part, "none in which a task could have come and gone unseen")
    gap = f"between {format_for_column(since)} and {format_for_column(until)} UTC"
    text = f"{gap} EC2 went unasked for longer than it was seen to list"
    return make_finding(
        False, part, f"{text}: a task may have come and gone unseen", "look for what should have ended then"
    )


def _check_bytecode(beats: Iterable[Row]) -> Iterator[Finding]:
    """Report a layer without bytecode, which slows starts and is no fault."""
    latest = max(beats, key=lambda beat: str(beat.get("polled_at", "")), default={})
    if runtime := latest.get("without_bytecode"):
        text = f"no bytecode for {runtime}, so a cold start takes about twice as long"
        todo = f"deploy with `make deploy`, or build again where {runtime} is installed"
        yield Finding("layer", WELL, text, todo)


def _describe_coverage(beat: Row) -> Iterator[str]:
    """Return sentences about EC2's list from the heartbeat.

    Values that are not numbers are ignored: another program may have written them.
    """
    unkeepable, gap, listed = (beat.get(name) for name in ("unkeepable", "longest_gap_seconds", "listed_for_seconds"))
    if isinstance(unkeepable, int) and unkeepable > 0:
        yield f"{unkeepable} more can't be kept, for EC2 gave no usable id"
    if isinstance(gap, int) and gap > 0:
        yield f"longest gap {format_seconds(gap)}"
    if isinstance(listed, int) and listed > 0:
        yield f"EC2 was seen to list ended tasks for {format_seconds(listed)}"


def check_running(history: HistoryTable) -> Finding:
    """Count the running tasks. Raises botocore's errors."""
    return make_finding(True, "running tasks", str(len(query_awaiting(history, None, AWAITING_OUTCOME))))


def check_lost(history: HistoryTable, now: datetime, flags: str) -> Finding:
    """Find tasks that were lost lately and were not found again. Raises botocore's errors."""
    asked = TaskQuery(outcomes=(LOST,), since=to_text(now - RECENT))
    ids = [str(row["task_id"]) for row in QueryResults(history.client, history.table, asked)]
    more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
    text = f"{len(ids)}: {', '.join(ids[:MAX_NAMED])}{more}" if ids else "none"
    return make_finding(not ids, "lost, last 24 hours", text, f"task-reporter list --outcome lost{flags}")


def check_unannounced(
    history: HistoryTable,
    patience: timedelta,
    now: datetime,
    flags: str,
    audience: Callable[[], Audience],
    beats: Iterable[Key],
) -> Finding:
    """Find ended tasks that are not announced yet. Raises botocore's errors.

    Rows that wait for a subscriber to confirm are no error of theirs: ``audience`` asks SNS for the subscribers, and
    ``beats`` are the keys of the heartbeats, which say so for the last poll.
    """
    rows = query_awaiting(history, None, AWAITING_NOTIFICATION)
    if not rows:
        return Finding(UNANNOUNCED, WELL, "none")
    since = min(str(row.get("awaiting_since", "")) for row in rows)
    ago = seconds_since(since, now)
    oldest = f"the oldest waits since {format_age(since, now) if ago is not None else 'an unknown time'}"
    if excuse := _explain_waiting(history, audience, beats, flags):
        return Finding(UNANNOUNCED, WELL, f"{len(rows)} {excuse}; {oldest}")
    return make_finding(
        _is_within(ago, patience), UNANNOUNCED, f"{len(rows)}, {oldest}", f"task-reporter redrive{flags}"
    )


def _explain_waiting(history: HistoryTable, audience: Callable[[], Audience], beats: Iterable[Key], flags: str) -> str:
    """Return the reason for which rows may wait, or an empty text."""
    waits = "wait until a subscription is confirmed (see subscribers)"
    try:
        listeners = audience()
    except (*REQUEST_ERRORS, CommandLineError):
        return waits if _had_no_subscriber(history, beats) else ""
    if listeners.holds_notices:
        return waits
    if listeners.confirmed and _had_no_subscriber(history, beats):
        return f"go out with the next poll, for a subscription is confirmed now, or with task-reporter redrive{flags}"
    return ""


def _had_no_subscriber(history: HistoryTable, beats: Iterable[Key]) -> bool:
    """Tell whether rows waited for a confirmed subscription at the last poll."""
    return any("unheard_since" in row for row in history.read(beats).values())


def _is_within(seconds: int | None, patience: timedelta) -> bool:
    return seconds is not None and seconds <= patience.total_seconds()


def watched_kinds(parameters: Mapping[str, str]) -> list[str]:
    """Return the kinds that a stack watches."""
    return [kind.strip() for kind in parameters.get("TaskKinds", ",".join(KINDS)).split(",") if kind.strip()]
