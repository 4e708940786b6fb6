"""A row of the history as a task of the page.

Other tools and later versions may have written it, and EC2's own text is anybody's: nothing here may fail on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from task_reporter.kinds.kind import FAILED, OUTCOMES
from task_reporter.kinds.table import kind_of
from task_reporter.texts import truncate_utf8
from task_reporter.times import normalize, parse
from task_reporter_cli.history.items import start_of

RUNNING, OTHER = "running", "other"
GROUPS = (*OUTCOMES, RUNNING, OTHER)
"""Groups of tasks: each outcome, no outcome yet, or an unknown outcome."""

EC2_LAUNCH = "2006-01-01T00:00:00.000Z"
"""Earliest valid time; an older one is wrong and would stretch every chart."""

MAX_TEXT_BYTES = 300
"""The longest text of a row that the page repeats."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the page.

    Text may be empty; times are in the stored form, or None where unknown.
    """

    task_id: str
    account: str
    """The account's id: the scope's part before the slash."""
    account_name: str
    region: str
    kind: str
    outcome: str
    """The outcome as the row has it, ``running`` where it has none."""
    group: str
    """One of ``GROUPS``."""
    resource_id: str
    error_code: str
    detail: str
    """The error, the place of the result, or the progress."""
    started_at: str | None
    updated_at: str | None
    finished_at: str | None
    seconds: float | None
    """Duration in seconds; None where it is unknown, or the task runs."""


def parse_task(row: Mapping[str, Any], until: str) -> Task:
    """Return the task of ``row``; a time after ``until`` (stored form) counts as unknown."""
    outcome = read_text(row, "outcome")
    account, _, region = read_text(row, "scope").partition("/")
    started_at, finished_at = (_read_time(row, name, until) for name in ("started_at", "finished_at"))
    return Task(
        task_id=read_text(row, "task_id"),
        account=intern(account),  # ten thousand tasks share few texts
        account_name=intern(read_text(row, "account_name")),
        region=intern(region),
        kind=intern(read_text(row, "kind")),
        outcome=intern(outcome or RUNNING),
        group=_group(outcome),
        resource_id=read_text(row, "resource_id"),
        error_code=intern(read_text(row, "error_code")),
        detail=_format_detail(row, outcome),
        started_at=started_at,
        updated_at=_read_time(row, "updated_at", until),
        finished_at=finished_at,
        seconds=_run_time(_read_time({"start": start_of(row)}, "start", until), finished_at) if outcome else None,
    )


def read_text(row: Mapping[str, Any], name: str) -> str:
    """Return the attribute as one short line, empty where there is none.

    What can't be seen, such as a mark that turns the direction of writing, gives way to a space.
    """
    value = row.get(name)
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return truncate_utf8(" ".join(text.split()), MAX_TEXT_BYTES)


def _group(outcome: str) -> str:
    if not outcome:
        return RUNNING
    return outcome if outcome in OUTCOMES else OTHER


def _read_time(row: Mapping[str, Any], name: str, until: str) -> str | None:
    value = row.get(name)
    kept = normalize(value) if isinstance(value, str) else None
    return kept if kept and EC2_LAUNCH <= kept <= until else None


def _run_time(start: str | None, end: str | None) -> float | None:
    if not start or not end or end < start:
        return None
    return (parse(end) - parse(start)).total_seconds()


def _format_detail(row: Mapping[str, Any], outcome: str) -> str:
    code, message = read_text(row, "error_code"), read_text(row, "error_message")
    error = ": ".join(filter(None, (code, message))) if kind_of(row).needs_code(message) else message
    if not outcome:
        return error or ", ".join(filter(None, (read_text(row, "state"), _format_progress(row))))
    return error or ("" if outcome == FAILED else read_text(row, kind_of(row).result or ""))


def _format_progress(row: Mapping[str, Any]) -> str:
    progress = row.get("progress")
    return f"{progress:g} %" if isinstance(progress, (int, float)) and 0 <= progress <= 100 else ""
