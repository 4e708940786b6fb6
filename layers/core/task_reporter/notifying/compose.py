"""Compose notices and events from rows: one for each task, or digests for many.

Nothing here talks to a service.
"""

from collections.abc import Iterable
from itertools import groupby

from task_reporter.history.rows import TEST_ATTRIBUTE, Row
from task_reporter.notifying.chat import digest_message, task_message
from task_reporter.notifying.digest import digest_notices
from task_reporter.notifying.event import Event, task_event
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


def compose_events(rows: Iterable[Row], chat_digest_above: int | None) -> list[Event]:
    """Compose one event per row, in the order of time.

    With ``chat_digest_above``, each event has a message for a chat. Of more rows than that in one scope, only the first
    event has one, for all of them.
    """
    ordered = sorted(rows, key=_scope_then_time)
    if chat_digest_above is None:
        return [task_event(row) for row in ordered]
    events = [task_event(row, task_message(row)) for row in ordered if TEST_ATTRIBUTE in row]
    for _, group in groupby((row for row in ordered if TEST_ATTRIBUTE not in row), key=lambda row: row["scope"]):
        of_scope = list(group)
        if len(of_scope) > chat_digest_above:
            events += [task_event(of_scope[0], digest_message(of_scope)), *map(task_event, of_scope[1:])]
        else:
            events += [task_event(row, task_message(row)) for row in of_scope]
    return events


def _scope_then_time(row: Row) -> tuple[str, str, str]:
    return str(row["scope"]), str(row.get("finished_at", "")), str(row["task_id"])
