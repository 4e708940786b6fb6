"""The notice for one finished task."""

from collections.abc import Callable, Iterator
from typing import Any

from task_reporter import times
from task_reporter.commands import check_command, register_command
from task_reporter.kinds import CANCELLED, COMPLETE, FAILED, LOST
from task_reporter.message import FILTERED_BY, LARGEST, Notice, attributes, data_of, plain, subject, task_name
from task_reporter.rows import TEST, Row, place_of
from task_reporter.texts import shortened

VERDICTS = {
    COMPLETE: "is complete.",
    FAILED: "failed.",
    CANCELLED: "was cancelled.",
    LOST: "vanished from EC2's list before it was seen to end.",
}
IS_A_TEST = "This is a test: there is no such task. A real notice looks like what follows."
LEAST_ERROR = 500
"""Bytes of error text below which cutting it further gains nothing."""


def notice(row: Row) -> Notice:
    """The notice for one finished task; EC2's error text in full, or where SNS takes less, the first part of it."""
    told = _single(row)
    while told.size > LARGEST and (length := len(str(row.get("error_message", "")).encode())) > LEAST_ERROR:
        row = row | {"error_message": shortened(str(row["error_message"]), length // 2)}
        told = _single(row)
    return told if told.size <= LARGEST else plain(told)


def plain_notice(row: Row) -> Notice:
    """The notice for one finished task in its plainest form: nothing in it that depends on what EC2 said."""
    return plain(_with(row, ""))


def _single(row: Row) -> Notice:
    return _with(row, _text(row), {"type": "task", **data_of(row)})


def _with(row: Row, text: str, data: dict[str, Any] | None = None) -> Notice:
    kind = f"{'TEST: ' if TEST in row else ''}EC2 {row.get('kind', 'unknown')} task "
    return Notice(
        (row,),
        subject(kind, str(row["task_id"]), f" {row['outcome']} ({row['scope']})"),
        text,
        data or {},
        attributes(
            row, {name: str(row.get(name, "")) for name in FILTERED_BY} | ({TEST: "true"} if TEST in row else {})
        ),
    )


def _text(row: Row) -> str:
    outcome = str(row["outcome"])
    parts = [
        IS_A_TEST if TEST in row else None,
        f"EC2 {task_name(row)} {VERDICTS.get(outcome, f'ended: {outcome}.')}",
        "\n".join(f"  {label:<13} {value}" for label, value in _facts(row) if value),
        _error(row),
        _next_step(row),
        _kept(row),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _kept(row: Row) -> str | None:
    if TEST in row:
        return None
    place = f"scope = {row['scope']}, task_id = {row['task_id']}"
    return f"The history keeps this task under\n  {place}\nalso when EC2 no longer lists it."


def _facts(row: Row) -> Iterator[tuple[str, str | None]]:
    account, region = place_of(row)
    lost = row["outcome"] == LOST
    yield "Account", account
    yield "Region", region
    yield "Resource", _maybe(row, "resource_id")
    yield "Last state", _maybe(row, "state") if lost else None
    yield "Progress", f"{row['progress']} %" if row["outcome"] != COMPLETE and "progress" in row else None
    yield "Started", _maybe(row, "started_at", times.spoken)
    yield "Last update", _maybe(row, "updated_at", times.spoken) if lost else None
    yield "Missing since", _maybe(row, "missing_since", times.spoken) if lost else None
    yield "Declared lost", _maybe(row, "finished_at", times.spoken) if lost else None
    yield "Finished", None if lost else _finished(row)
    yield "Manifest", _maybe(row, "image_location") if row["outcome"] == COMPLETE else None
    yield "Destination", _destination(row) if row["outcome"] in (FAILED, CANCELLED) else None


def _maybe(row: Row, name: str, form: Callable[[str], str] = str) -> str | None:
    return form(str(row[name])) if name in row else None


def _destination(row: Row) -> str:
    return "/".join(str(row[name]) for name in ("bucket", "prefix") if name in row)


def _finished(row: Row) -> str | None:
    if "finished_at" not in row:
        return None
    finished = str(row["finished_at"])
    took = times.spoken_length(str(row["started_at"]), finished) if "started_at" in row else None
    return times.spoken(finished) + (f" (after {took})" if took else "")


def _error(row: Row) -> str | None:
    if not ("error_code" in row or "error_message" in row):
        return "EC2 gave no error code." if row["outcome"] == FAILED else None
    return f"Error code: {row.get('error_code', 'none')}\n\n{row.get('error_message', '')}".rstrip()


def _next_step(row: Row) -> str | None:
    if row["outcome"] == LOST:
        return _search(row)
    command = register_command(row) if row["outcome"] == COMPLETE else None
    return f"To register it as an AMI, now or when EC2 has forgotten the task:\n\n  {command}" if command else None


def _search(row: Row) -> str:
    """What became of a lost task can be seen only where its work would be."""
    steps = ["It may have ended well or not. If EC2 lists it again as ended, another notice will say so."]
    if check := check_command(row):
        steps.append(f"A bundle that ended well has its manifest in S3. This fails if there is none:\n\n  {check}")
        steps.append(f"If the manifest is there, this registers the AMI:\n\n  {register_command(row)}")
    return "\n\n".join(steps)
