"""Rows for tests of the report."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from task_reporter.times import parse, to_text
from task_reporter_cli.report.page import ReportInfo, render_page

MADE_AT = "2026-11-23T12:00:00.000Z"
"""The time of the report."""
TEXTS = st.text() | st.sampled_from(["complete", "failed", "2026-11-23", "9999-12-31T23:59:59Z", "0001-01-01"])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(TEXTS, max_size=2)
NAMES = st.sampled_from(
    ["scope", "account_name", "task_id", "kind", "state", "outcome", "resource_id", "progress", "started_at",
     "updated_at", "finished_at", "error_code", "error_message", "image_location", "of_a_later_version"]
)  # fmt: skip
ROWS = st.dictionaries(NAMES, VALUES)
"""Rows of any form."""


def ended(
    outcome: str | None = "complete", at: str = "2026-11-22T12:00:00.000Z", took: float = 60, **others: Any
) -> dict[str, Any]:
    """Return the row of a task that ended ``at`` after ``took`` seconds."""
    start = to_text(parse(at) - timedelta(seconds=took))
    times = {"started_at": start, "updated_at": at, "finished_at": at}
    return {"task_id": "bun-1", "kind": "bundle", "outcome": outcome} | times | others


def page_of(rows: Iterable[Mapping[str, Any]], info: ReportInfo) -> str:
    """Return the whole page of ``rows``."""
    return "".join(render_page(rows, info))
