"""The notice for many tasks that ended together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from task_reporter import times
from task_reporter.commands import check_command, register_command
from task_reporter.kinds import CANCELLED, COMPLETE, FAILED, LOST
from task_reporter.message import FILTERED_BY, LARGEST, Notice, attributes, data_of, subject, task_name
from task_reporter.rows import Row
from task_reporter.single import notice
from task_reporter.texts import shortened

ERROR_IN_DIGEST = 500
"""Bytes of error text; the history has it whole."""
WORST_FIRST = (FAILED, LOST, CANCELLED, COMPLETE)


def digests(rows: Sequence[Row]) -> list[Notice]:
    """Digests that name all ``rows``, each within SNS's limit; most often one."""
    parts = list(_parts(rows))
    if len(parts) == 1:
        return [_digest(parts[0])]
    numbered = ((part, f", part {number} of {len(parts)}") for number, part in enumerate(parts, 1))
    return [_digest(part, which) if len(part) > 1 else notice(part[0]) for part, which in numbered]


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    if len(rows) == 1 or _digest(rows, ", part 1000 of 1000").size <= LARGEST:
        yield rows
    else:
        yield from _parts(rows[: len(rows) // 2])
        yield from _parts(rows[len(rows) // 2 :])


def _digest(rows: Sequence[Row], part: str = "") -> Notice:
    """Worst first, because that is what a reader needs to see; error texts shortened, the history has them whole."""
    rows = [_briefly(row) for row in sorted(rows, key=_worst_first)]
    counts = Counter(str(row["outcome"]) for row in rows)
    tally = ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts, key=_rank))
    scope = str(rows[0]["scope"])
    sections = [f"{len(rows)} EC2 tasks ended in {scope}{part}: {tally}."]
    for outcome, some in groupby(rows, key=lambda row: str(row["outcome"])):
        sections += _section(outcome, list(some))
    sections.append(f"The history keeps them all, with EC2's error texts in full, under\n  scope = {scope}")
    return Notice(
        tuple(rows),
        subject("EC2 tasks: ", tally, f" ({scope}{part})"),
        "\n\n".join(sections) + "\n",
        {"type": "digest", "count": len(rows), "tasks": [data_of(row) for row in rows]},
        attributes(rows[0], {name: {str(row[name]) for row in rows if name in row} for name in FILTERED_BY}),
    )


def _rank(outcome: str) -> int:
    return WORST_FIRST.index(outcome) if outcome in WORST_FIRST else len(WORST_FIRST)


def _worst_first(row: Row) -> tuple[int, str]:
    return _rank(str(row["outcome"])), str(row["outcome"])


def _briefly(row: Row) -> Row:
    if "error_message" not in row:
        return row
    return row | {"error_message": shortened(str(row["error_message"]), ERROR_IN_DIGEST)}


USEFUL = {
    COMPLETE: (register_command, "with the command that registers the AMI, now or when EC2 has forgotten the task"),
    LOST: (check_command, "with a check for the manifest in S3, which fails if there is no image"),
}
"""Outcome → the command that stands with a task, and what it is for."""


def _section(outcome: str, rows: Sequence[Row]) -> list[str]:
    command_for, use = USEFUL.get(outcome, (lambda row: None, ""))
    commands = [command_for(row) for row in rows]
    heading = f"{outcome.upper()} ({len(rows)})" + (f", {use}" if any(commands) else "")
    return [heading, *map(_entry, rows, commands)]


def _entry(row: Row, command: str | None) -> str:
    lost = row["outcome"] == LOST
    when = str(row.get("updated_at" if lost else "finished_at", ""))
    about = (task_name(row), str(row.get("resource_id", "")), times.spoken(when) if when else "")
    lines = ["  " + "  ".join(part for part in about if part)]
    if lost:
        last = (str(row.get("state", "")), f"{row['progress']} %" if "progress" in row else "")
        lines.append(f"    last seen: {', '.join(part for part in last if part)}")
    if "error_code" in row or "error_message" in row:
        error = f"{row.get('error_code', 'no code')}: {row.get('error_message', '')}"
        lines.append("    " + " ".join(error.split()).removesuffix(":"))
    if command:
        lines.append(f"    {command}")
    return "\n".join(lines)
