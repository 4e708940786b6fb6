"""Compose notices from rows: one for each task, or digests for many.

Nothing here talks to a service.
"""

from collections.abc import Iterable
from itertools import groupby

from task_reporter.history.rows import TEST_ATTRIBUTE, Row
from task_reporter.notifying.digest import digest_notices
from task_reporter.notifying.notice import Notice
from task_reporter.notifying.task_notice import task_notice


def compose_notices(rows: Iterable[Row], digest_above: int) -> list[Notice]:
    """Compose one notice per row, or digests above ``digest_above`` rows per scope.

    A test always gets a notice of its own, so that nobody takes a real task for a part of the test.
    """
    ordered = sorted(rows, key=_scope_then_time)
    notices = [task_notice(row) for row in ordered if TEST_ATTRIBUTE in row]
    for _, group in groupby((row for row in ordered if TEST_ATTRIBUTE not in row), key=lambda row: row["scope"]):
        of_scope = list(group)
        notices += digest_notices(of_scope) if len(of_scope) > digest_above else map(task_notice, of_scope)
    return notices


def _scope_then_time(row: Row) -> tuple[str, str, str]:
    return str(row["scope"]), str(row.get("finished_at", "")), str(row["task_id"])
