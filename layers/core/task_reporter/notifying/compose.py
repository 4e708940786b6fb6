"""Compose notices and events from rows: one for each task, or digests for many.

Nothing here talks to a service.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from task_reporter.history.rows import HELD_FOR, TEST_ATTRIBUTE, Row, account_and_region
from task_reporter.notifying.chat import digest_message, task_message
from task_reporter.notifying.digest import digest_notices
from task_reporter.notifying.event import Event, task_event
from task_reporter.notifying.notice import Notice
from task_reporter.notifying.task_notice import task_notice


def compose_notices(rows: Iterable[Row], digest_above: int) -> list[Notice]:
    """Compose one notice per row, or digests above ``digest_above`` rows per account.

    Two rows or more that were held for the digest of their account always become one.
    Tasks of two accounts never share a digest: a subscriber may have filtered by account.
    A test always gets a notice of its own, so that nobody takes a real task for a part of the test.
    """
    ordered = sorted(rows, key=_account_then_time)
    notices = [task_notice(row) for row in ordered if TEST_ATTRIBUTE in row]
    for of_account in _by_account(ordered):
        if _become_digest(of_account, digest_above):
            notices += digest_notices(of_account)
        else:
            notices += map(task_notice, of_account)
    return notices


def compose_events(rows: Iterable[Row], chat_digest_above: int | None) -> list[Event]:
    """Compose one event per row, in the order of time.

    With ``chat_digest_above``, each event has a message for a chat. Of rows that become a digest as notices, only the
    first event has one, for all of them.
    """
    ordered = sorted(rows, key=_account_then_time)
    if chat_digest_above is None:
        return [task_event(row) for row in ordered]
    events = [task_event(row, task_message(row)) for row in ordered if TEST_ATTRIBUTE in row]
    for of_account in _by_account(ordered):
        if _become_digest(of_account, chat_digest_above):
            events += [task_event(of_account[0], digest_message(of_account)), *map(task_event, of_account[1:])]
        else:
            events += [task_event(row, task_message(row)) for row in of_account]
    return events


def _become_digest(of_account: Sequence[Row], digest_above: int) -> bool:
    """Tell whether the rows of an account become a digest."""
    return len(of_account) > (1 if HELD_FOR in of_account[0] else digest_above)


def _by_account(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each account, those held for a digest apart, without tests.

    ``rows`` are in this order.
    """
    tasks = (row for row in rows if TEST_ATTRIBUTE not in row)
    for _, group in groupby(tasks, key=lambda row: _account_then_time(row)[:2]):
        yield list(group)


def _account_then_time(row: Row) -> tuple[str, bool, str, str]:
    return account_and_region(row)[0], HELD_FOR in row, str(row.get("finished_at", "")), str(row["task_id"])
