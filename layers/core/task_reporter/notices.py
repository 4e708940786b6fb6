"""What people and machines are told: one notice for one task, or one digest for many.

Takes rows, gives what SNS takes, talks to nobody.
"""

from collections.abc import Iterable
from itertools import groupby

from task_reporter.digests import digests
from task_reporter.message import Notice
from task_reporter.rows import TEST, Row
from task_reporter.single import notice


def compose(rows: Iterable[Row], digest_above: int) -> list[Notice]:
    """The notices for ``rows``: one each, or digests where one scope has more than ``digest_above`` of them.

    A test stands alone: its reader must not take a real task for a part of it.
    """
    ordered = sorted(rows, key=_scope_then_time)
    notices = [notice(row) for row in ordered if TEST in row]
    for _, some in groupby((row for row in ordered if TEST not in row), key=lambda row: row["scope"]):
        together = list(some)
        notices += digests(together) if len(together) > digest_above else map(notice, together)
    return notices


def _scope_then_time(row: Row) -> tuple[str, str, str]:
    return str(row["scope"]), str(row.get("finished_at", "")), str(row["task_id"])
