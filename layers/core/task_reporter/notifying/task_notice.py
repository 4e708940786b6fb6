"""The notice for one finished task."""

from collections.abc import Callable, Iterator
from typing import Any

from task_reporter import times
from task_reporter.history.rows import TEST_ATTRIBUTE, Row, account_and_region
from task_reporter.kinds.kind import CANCELLED, COMPLETE, FAILED, LOST
from task_reporter.kinds.table import kind_of
from task_reporter.notifying.notice import (
    FILTER_ATTRIBUTES,
    MAX_MESSAGE_BYTES,
    Notice,
    credentials_note,
    minimal_notice,
    shorten_error,
    task_detail,
    task_name,
    task_subject,
    to_message_attributes,
    with_account_name,
)
from task_reporter.notifying.shell_commands import next_commands

VERDICTS = {
    COMPLETE: "is complete.",
    FAILED: "failed.",
    CANCELLED: "was cancelled.",
    LOST: "vanished from EC2's list.",
}
TEST_NOTE = "This is a test: there is no such task. A real notice looks like what follows."
LOST_NOTE = "It may have ended well or not. If EC2 lists it again as ended, another notice will say so."
PLACE = ("bucket", "prefix", "object_key")
"""The attributes that together are a place in S3."""


def task_notice(row: Row) -> Notice:
    """Compose the notice for one finished task.

    EC2's error text is shortened where the notice would be larger than SNS accepts. Where that does not suffice, the
    result is the minimal notice.
    """
    fitting = shorten_error(row, lambda shorter: _full_notice(shorter).size <= MAX_MESSAGE_BYTES)
    return _full_notice(fitting) if fitting else minimal_notice(_full_notice(row))


def minimal_task_notice(row: Row) -> Notice:
    """Compose the minimal notice for one finished task, without using any text of EC2's."""
    return minimal_notice(_notice(row, ""))


def _full_notice(row: Row) -> Notice:
    return _notice(row, _text(row), task_detail(row))


def _notice(row: Row, text: str, data: dict[str, Any] | None = None) -> Notice:
    filters = {name: str(row.get(name, "")) for name in FILTER_ATTRIBUTES}
    return Notice(
        (row,),
        task_subject(row),
        text,
        data or {},
        to_message_attributes(row, filters | ({TEST_ATTRIBUTE: "true"} if TEST_ATTRIBUTE in row else {})),
    )


def _text(row: Row) -> str:
    outcome = str(row["outcome"])
    paragraphs = [
        TEST_NOTE if TEST_ATTRIBUTE in row else None,
        kind_of(row).warning(row),
        f"EC2 {task_name(row)} {VERDICTS.get(outcome, f'ended: {outcome}.')}",
        "\n".join(f"  {label:<13} {value}" for label, value in task_facts(row) if value),
        error_text(row),
        LOST_NOTE if outcome == LOST else None,
        *(f"{step.text}:\n\n  {command}" for step, command in next_commands(row)),
        credentials_note([row]),
        _where_in_history(row),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _where_in_history(row: Row) -> str | None:
    if TEST_ATTRIBUTE in row:
        return None
    key = f"scope = {row['scope']}, task_id = {row['task_id']}"
    return f"The history keeps this task under\n  {key}\nalso when EC2 no longer lists it."


def task_facts(row: Row) -> Iterator[tuple[str, str | None]]:
    """Yield label and value of each line that has a value."""
    account, region = account_and_region(row)
    kind, outcome = kind_of(row), row["outcome"]
    yield "Account", with_account_name(account, [row])
    yield "Region", region
    yield "Resource", _value(row, "resource_id")
    yield "Last state", _value(row, "state") if outcome == LOST else None
    yield "Progress", f"{row['progress']} %" if outcome != COMPLETE and "progress" in row else None
    yield "Started", _value(row, "started_at", times.format_for_people)
    yield "First seen", None if kind.has_start_times else _value(row, "first_seen_at", times.format_for_people)
    yield "Last update", _value(row, "updated_at", times.format_for_people) if outcome == LOST else None
    yield "Missing since", _value(row, "missing_since", times.format_for_people) if outcome == LOST else None
    yield "Declared lost", _value(row, "finished_at", times.format_for_people) if outcome == LOST else None
    yield "Finished" if kind.has_end_times else "End seen", None if outcome == LOST else _finished(row)
    result = _value(row, kind.result) if outcome == COMPLETE and kind.result else None
    for name, label in kind.attributes.items():
        if name not in PLACE:
            yield label, result if name == kind.result else _value(row, name)
    place = _place(row)
    yield kind.place_label, None if outcome == LOST or (result or "").startswith(place) else place


def _value(row: Row, name: str, form: Callable[[str], str] = str) -> str | None:
    return form(str(row[name])) if name in row else None


def _place(row: Row) -> str:
    return "/".join(str(row[name]) for name in PLACE if name in row)


def _finished(row: Row) -> str | None:
    if "finished_at" not in row:
        return None
    finished = str(row["finished_at"])
    duration = times.format_duration(str(row["started_at"]), finished) if "started_at" in row else None
    return times.format_for_people(finished) + (f" (after {duration})" if duration else "")


def error_text(row: Row) -> str | None:
    """Return EC2's error, what a failed task lacks of it, or None."""
    if not ("error_code" in row or "error_message" in row):
        return "EC2 gave no reason." if row["outcome"] == FAILED else None
    code, message = str(row.get("error_code", "none")), str(row.get("error_message", ""))
    return f"Error code: {code}\n\n{message}".rstrip() if kind_of(row).needs_code(message) else message
