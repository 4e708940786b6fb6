"""The notice for many tasks of one account that ended together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from task_reporter import times
from task_reporter.history.rows import Row, account_and_region
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST, NextStep
from task_reporter.kinds.table import kind_of
from task_reporter.notifying.notice import (
    FILTER_ATTRIBUTES,
    MAX_MESSAGE_BYTES,
    Notice,
    credentials_note,
    format_subject,
    full_place,
    regions_of,
    scope_lines,
    short_place,
    task_data,
    task_name,
    to_message_attributes,
)
from task_reporter.notifying.shell_commands import next_commands
from task_reporter.notifying.task_notice import task_notice
from task_reporter.texts import truncate_utf8

MAX_ERROR_BYTES = 500
"""Size of an error text in a digest; the history has all of it."""
WORST_FIRST = (FAILED, LOST, CANCELLED, COMPLETE)


def digest_notices(rows: Sequence[Row]) -> list[Notice]:
    """Compose one digest of ``rows``, or as many as SNS's size limit needs.

    All ``rows`` are of one account.
    """
    parts = list(_parts(rows))
    if len(parts) == 1:
        return [_digest(parts[0])]
    numbered = ((part, f", part {number} of {len(parts)}") for number, part in enumerate(parts, 1))
    return [_digest(part, label) if len(part) > 1 else task_notice(part[0]) for part, label in numbered]


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    if len(rows) == 1 or _digest(rows, ", part 1000 of 1000").size <= MAX_MESSAGE_BYTES:
        yield rows
    else:
        yield from _parts(rows[: len(rows) // 2])
        yield from _parts(rows[len(rows) // 2 :])


def _digest(rows: Sequence[Row], part: str = "") -> Notice:
    """Compose one digest, the worst outcome first, because a reader must see that."""
    rows = [_with_short_error(row) for row in worst_first(rows)]
    regions = regions_of(rows)
    sections = [f"{len(rows)} EC2 tasks ended in {full_place(rows)}{part}: {_tally(rows)}."]
    for outcome, group in groupby(rows, key=lambda row: str(row["outcome"])):
        sections += _section(outcome, list(group), len(regions) > 1)
    if note := credentials_note(rows):
        sections.append(note)
    sections.append(f"The history keeps them all, with EC2's error texts in full, under\n{scope_lines(rows)}")
    filters: dict[str, str | set[str]] = {
        name: {str(row[name]) for row in rows if name in row} for name in FILTER_ATTRIBUTES
    }
    if len(regions) > 1:
        filters["region"] = set(regions)
    return Notice(
        tuple(rows),
        digest_subject(rows, part),
        "\n\n".join(sections) + "\n",
        {"type": "digest", "count": len(rows), "tasks": [task_data(row) for row in rows]},
        to_message_attributes(rows[0], filters),
    )


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """Sort ``rows`` by outcome."""
    return sorted(rows, key=_severity)


def digest_subject(rows: Sequence[Row], part: str = "") -> str:
    """Return the subject of a digest: how many tasks ended, and how."""
    return format_subject("EC2 tasks: ", _tally(rows), f" ({short_place(rows)}{part})")


def _tally(rows: Sequence[Row]) -> str:
    counts = Counter(str(row["outcome"]) for row in rows)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts, key=_rank))


def _rank(outcome: str) -> int:
    return WORST_FIRST.index(outcome) if outcome in WORST_FIRST else len(WORST_FIRST)


def _severity(row: Row) -> tuple[int, str]:
    return _rank(str(row["outcome"])), str(row["outcome"])


def _with_short_error(row: Row) -> Row:
    if "error_message" not in row:
        return row
    return row | {"error_message": truncate_utf8(str(row["error_message"]), MAX_ERROR_BYTES)}


def _section(outcome: str, rows: Sequence[Row], has_regions: bool) -> list[str]:
    """List the tasks of one outcome, each with its first next step.

    With ``has_regions``, each entry names its region.

    The heading says what the commands are for, where all of them are for the same. Otherwise each entry says it.
    """
    steps = [next(next_commands(row), None) for row in rows]
    purposes = {step.heading for step, _ in filter(None, steps)}
    is_common = len(purposes) == 1
    heading = ", ".join([f"{outcome.upper()} ({len(rows)})", *(purposes if is_common else ())])
    pairs = zip(rows, steps, strict=True)
    return [heading, *(_entry(row, _step_lines(step, is_common), has_regions) for row, step in pairs)]


def _step_lines(step: tuple[NextStep, str] | None, is_common: bool) -> list[str]:
    if step is None:
        return []
    return [step[1]] if is_common else [f"{step[0].text}:", step[1]]


def _entry(row: Row, step: Sequence[str], has_regions: bool) -> str:
    is_lost = row["outcome"] == LOST
    time = str(row.get("updated_at" if is_lost else "finished_at", ""))
    resource = str(row.get("resource_id", ""))
    is_in_id = resource in str(row["task_id"])
    region = account_and_region(row)[1] if has_regions else ""
    parts = (task_name(row), region, "" if is_in_id else resource, times.format_for_people(time) if time else "")
    lines = ["  " + "  ".join(part for part in parts if part)]
    if warning := kind_of(row).warning(row):
        lines.append(f"    {warning}")
    if is_lost:
        last = (str(row.get("state", "")), f"{row['progress']} %" if "progress" in row else "")
        lines.append(f"    last seen: {', '.join(part for part in last if part)}")
    if "error_code" in row or "error_message" in row:
        code, message = f"{row.get('error_code', 'no code')}: ", str(row.get("error_message", ""))
        error = code + message if kind_of(row).needs_code(message) else message
        lines.append("    " + " ".join(error.split()).removesuffix(":"))
    return "\n".join([*lines, *(f"    {line}" for line in step)])
