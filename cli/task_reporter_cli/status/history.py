"""Findings in the history: polls, gaps, and running, lost and unannounced tasks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from task_reporter.aws.failures import REQUEST_ERRORS
from task_reporter.history.backlog import query_awaiting
from task_reporter.history.rows import (
    AWAITING_NOTIFICATION,
    AWAITING_OUTCOME,
    EVENT_SENT_AT,
    NOTIFIED_AT,
    UNREACHABLE_SINCE,
    Row,
    account_and_region,
)
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import LOST
from task_reporter.kinds.table import KINDS
from task_reporter.recording.roster import ListRecord, parse_lists, roster_key
from task_reporter.recording.unreadable import ABSENT, DENIED, DENIED_BY_SCP, ERROR, REGION_DISABLED, THROTTLED
from task_reporter.runtime.settings import ALL_REGIONS
from task_reporter.times import seconds_since, to_text
from task_reporter_cli.actions.audience import Audience
from task_reporter_cli.errors import CommandLineError
from task_reporter_cli.history.reader import QueryResults, TaskQuery
from task_reporter_cli.status.findings import WELL, WRONG, Finding, make_finding
from task_reporter_cli.time_formats import format_age, format_for_column, format_seconds

RECENT = timedelta(hours=24)
"""The age up to which something is news."""
MAX_NAMED = 3
DENIALS = {
    DENIED: ("denied", "allow the recorder's role {action}"),
    DENIED_BY_SCP: ("denied by a service control policy", "change the policy, or the parameter Regions"),
    ERROR: ("no answer, or an error,", "the next poll tries again"),
    THROTTLED: ("throttled", "the next poll tries again"),
    REGION_DISABLED: ("the region is disabled", "enable it, or remove it from the parameter Regions"),
}
"""Reason for an unreadable list → words for it, and what to do."""
UNANNOUNCED, UNSENT = "not announced", "events not sent"
POLL, GAPS = "last poll", "gaps, last 24 hours"


def check_lists(
    history: HistoryTable,
    scope: str,
    kinds: Sequence[str],
    silent: timedelta,
    now: datetime,
    regions: Sequence[str] = (),
) -> Iterator[Finding]:
    """Return findings about the last poll, unread lists, gaps, and bytecode.

    ``kinds`` are those that the stack watches. ``regions`` are those that it names besides its own; ``ALL_REGIONS``
    stands for the enabled ones in the roster. Raises HistoryError and botocore's errors.
    """
    key = roster_key(scope)
    row = history.read([key]).get(key, {})
    by_region = parse_lists(row)
    own = account_and_region({"scope": scope})[1]
    enabled = str(row.get("regions", "")).split() or by_region  # a region that is disabled by now stays in by_region
    watched = (enabled or [own]) if tuple(regions) == ALL_REGIONS else regions or [own]
    lists = {(region, kind): by_region.get(region, {}).get(kind) for region in sorted(watched) for kind in kinds}
    records = {_name(region, kind, own): record for (region, kind), record in lists.items() if record}
    yield _check_poll(row, records, silent, now)
    for region in sorted(watched) if records else ():
        of_region = {kind: lists[region, kind] or ListRecord() for kind in kinds}
        yield from _check_region(region, of_region, own, silent, now)
    blind = {name: record for name, record in records.items() if now - to_time(record.blind_until) <= RECENT}
    if not blind:
        yield Finding(GAPS, WELL, "none in which a task could have come and gone unseen")
    for name, record in blind.items():
        gap = " and ".join(format_for_column(to_text(to_time(end))) for end in (record.blind_from, record.blind_until))
        text = f"between {gap} UTC EC2 went unasked for longer than it was seen to list: a task may have come and gone"
        yield Finding(f"{GAPS} ({name})", WRONG, f"{text} unseen", "look for what should have ended then")
    yield from check_bytecode(row)


def check_bytecode(row: Row) -> Iterator[Finding]:
    """Report a layer without bytecode, by the roster row of its account."""
    if runtime := row.get("without_bytecode"):
        text = f"no bytecode for {runtime}, so a cold start takes about twice as long"
        todo = f"deploy with `make deploy`, or build again where {runtime} is installed"
        yield Finding("layer", WELL, text, todo)


def _name(region: str, kind: str, own: str) -> str:
    return kind if region == own else f"{region}/{kind}"


def check_kinds(kinds: Sequence[str]) -> Iterator[Finding]:
    """Name the kinds that the stack does not watch, if any."""
    if further := [kind for kind in KINDS if kind not in kinds]:
        text = f"{len(kinds)} of {len(kinds) + len(further)} are watched, and not {', '.join(further)}"
        yield Finding("kinds", WELL, text, "to watch others, deploy with the parameter TaskKinds")


def to_time(seconds: int) -> datetime:
    """Return the time of epoch seconds, or the epoch where they are none."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # another program may have written anything
        return datetime.fromtimestamp(0, UTC)


def _check_poll(row: Row, records: Mapping[str, ListRecord], silent: timedelta, now: datetime) -> Finding:
    """Report the last poll that could read a list, with all lists' numbers."""
    polled = str(row.get("polled_at", ""))
    ago = seconds_since(polled, now)
    read = {kind: record for kind, record in records.items() if record.at and not record.unreadable}
    if ago is None or not read:
        return Finding(POLL, WRONG, "none that went well yet", "see the recorder's log and the schedule")
    lists = "1 list" if len(read) == 1 else f"{len(read)} lists"
    text = f"{format_age(polled, now)}, {lists}, {sum(record.n for record in read.values())} tasks listed"
    if unkeepable := sum(record.unkeepable for record in read.values()):
        text += f"; {unkeepable} more can't be kept, for EC2 gave no usable id"
    kind, longest = max(read.items(), key=lambda item: item[1].gap)
    if longest.gap:
        text += f"; longest gap {format_seconds(longest.gap)}{f' ({kind})' if len(read) > 1 else ''}"
    if absent := sorted(kind for kind, record in records.items() if record.unreadable == ABSENT):
        named = ", ".join(absent) if len(absent) <= MAX_NAMED else f"{len(absent)} lists"
        text += f"; not in {'this' if '/' not in named else 'their'} region: {named}"
    return make_finding(ago <= silent.total_seconds(), POLL, text, _silence(silent))


def _check_region(
    region: str, records: Mapping[str, ListRecord], own: str, silent: timedelta, now: datetime
) -> Iterator[Finding]:
    """Report the lists of a region that are not read.

    They share one line if all have the same reason.
    """
    first = next(iter(records.values()))
    if len(records) > 1 and first.unreadable and len({record.unreadable for record in records.values()}) == 1:
        yield from _check_list(f"region {region}", "ec2:Describe…Tasks", first, silent, now)
        return
    for kind, record in records.items():
        operation = KINDS[kind].operation if kind in KINDS else "its operation"
        yield from _check_list(f"list {_name(region, kind, own)}", f"ec2:{operation}", record, silent, now)


def _check_list(part: str, action: str, record: ListRecord, silent: timedelta, now: datetime) -> Iterator[Finding]:
    """Report a list that is not read, and yield nothing for one that is."""
    log = "see the recorder's log"
    since = format_age(to_text(to_time(record.unreadable_since)), now)
    if record.unreadable in DENIALS:
        text, todo = DENIALS[record.unreadable]
        yield Finding(part, WRONG, f"{text} since {since}", f"{todo.format(action=action)}; {log}")
    elif record.unreadable and record.unreadable != ABSENT:
        yield Finding(part, WRONG, f"{record.unreadable} answers since {since}", log)
    elif not record.unreadable and not record.at:
        yield Finding(part, WRONG, "none that went well yet", log)
    elif not record.unreadable and now - to_time(record.at) > silent:
        yield Finding(part, WRONG, f"last read {format_age(to_text(to_time(record.at)), now)}", _silence(silent))


def _silence(silent: timedelta) -> str:
    return (
        f"nothing for more than {format_seconds(int(silent.total_seconds()))}: see the recorder's log and the schedule"
    )


def check_running(history: HistoryTable) -> Finding:
    """Count the running tasks. Raises botocore's errors."""
    running = query_awaiting(history, None, AWAITING_OUTCOME)
    unreachable = sum(UNREACHABLE_SINCE in row for row in running)
    more = f", {unreachable} of them in accounts that are not watched any more" if unreachable else ""
    return make_finding(True, "running tasks", f"{len(running)}{more}")


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
    scope: str,
) -> Finding:
    """Find ended tasks that are not announced yet. Raises botocore's errors.

    Rows that wait for a subscriber to confirm are no error of theirs: ``audience`` asks SNS for the subscribers, and
    the roster row for ``scope`` says so for the last poll.
    """
    rows = _find_waiting(history, NOTIFIED_AT)
    if rows and (excuse := _explain_waiting(history, audience, scope, flags)):
        return Finding(UNANNOUNCED, WELL, f"{len(rows)} {excuse}; {_oldest(rows, now)[1]}")
    return _judge_waiting(UNANNOUNCED, rows, patience, now, f"task-reporter redrive{flags}")


def check_unsent(history: HistoryTable, bus: str, patience: timedelta, now: datetime, flags: str) -> Finding:
    """Find ended tasks whose event is not sent yet. Raises botocore's errors.

    They do not wait for a subscriber. ``bus`` is empty where the stack sends no events.
    """
    rows = _find_waiting(history, EVENT_SENT_AT) if bus else []
    return _judge_waiting(UNSENT, rows, patience, now, f"see event bus; then task-reporter redrive{flags}")


def _find_waiting(history: HistoryTable, mark: str) -> list[Row]:
    return [row for row in query_awaiting(history, None, AWAITING_NOTIFICATION) if mark not in row]


def _judge_waiting(part: str, rows: Sequence[Row], patience: timedelta, now: datetime, todo: str) -> Finding:
    if not rows:
        return Finding(part, WELL, "none")
    ago, oldest = _oldest(rows, now)
    return make_finding(_is_within(ago, patience), part, f"{len(rows)}, {oldest}", todo)


def _oldest(rows: Sequence[Row], now: datetime) -> tuple[int | None, str]:
    """Return for how many seconds the oldest of ``rows`` has waited, and a sentence."""
    since = min(str(row.get("awaiting_since", "")) for row in rows)
    ago = seconds_since(since, now)
    return ago, f"the oldest has waited for {format_seconds(max(ago, 0)) if ago is not None else 'an unknown time'}"


def _explain_waiting(history: HistoryTable, audience: Callable[[], Audience], scope: str, flags: str) -> str:
    """Return the reason for which rows may wait, or an empty text."""
    waits = "wait until a subscription is confirmed (see subscribers)"
    try:
        listeners = audience()
    except (*REQUEST_ERRORS, CommandLineError):
        return waits if _had_no_subscriber(history, scope) else ""
    if listeners.holds_notices:
        return waits
    if listeners.confirmed and _had_no_subscriber(history, scope):
        return f"go out with the next poll, for a subscription is confirmed now, or with task-reporter redrive{flags}"
    return ""


def _had_no_subscriber(history: HistoryTable, scope: str) -> bool:
    """Tell whether rows waited for a confirmed subscription at the last poll."""
    return any("unheard_since" in row for row in history.read([roster_key(scope)]).values())


def _is_within(seconds: int | None, patience: timedelta) -> bool:
    return seconds is not None and seconds <= patience.total_seconds()


def watched_regions(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return the regions that a stack names, or ``ALL_REGIONS``; empty for its own region."""
    names = tuple(region.strip() for region in parameters.get("Regions", "").split(",") if region.strip())
    return ALL_REGIONS if ALL_REGIONS[0] in names else names


def watched_kinds(parameters: Mapping[str, str]) -> list[str]:
    """Return the kinds that a stack watches."""
    return [kind.strip() for kind in parameters.get("TaskKinds", ",".join(KINDS)).split(",") if kind.strip()]
