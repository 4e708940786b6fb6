"""Send rows that await notification through the notifier again.

A write to each row puts it on the stream.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain

from task_reporter.history.backlog import query_awaiting
from task_reporter.history.rows import AWAITING_NOTIFICATION, HELD_FOR, Key, Value, account_and_region, key_of
from task_reporter.history.table import HistoryTable
from task_reporter.history.writes import Update
from task_reporter.times import to_text
from task_reporter_cli.actions.find import find_task
from task_reporter_cli.actions.retrier import Retrier
from task_reporter_cli.errors import RefusedError
from task_reporter_cli.history.items import Item
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.reader import awaiting_scopes, translate_table_errors
from task_reporter_cli.history.scopes import find_scopes
from task_reporter_cli.history.target import Target
from task_reporter_cli.output.columns import has_several_places

INTERVAL = 1.0
"""Seconds between two looks at what still waits."""
MAX_NAMED = 5
"""Tasks that a message names."""


def select_keys(target: Target, tasks: Sequence[str], place: Place) -> list[Key]:
    """Return the rows to send: those of ``tasks``, or all of ``place`` that wait.

    Raises NoTaskError, RefusedError where a task awaits no notification, and botocore's errors.
    """
    if not tasks:
        scopes = awaiting_scopes(find_scopes(target, place))
        with translate_table_errors(target.dynamodb, target.table):
            found = [query_awaiting(target.history, scope or None, AWAITING_NOTIFICATION) for scope in scopes]
        waiting = chain.from_iterable(found)
        return [key_of(row) for row in waiting if not place.regions or account_and_region(row)[1] in place.regions]
    rows = [find_task(target, task, place) for task in dict.fromkeys(tasks)]
    for row in rows:
        if row.get("awaiting") != AWAITING_NOTIFICATION:
            raise RefusedError(
                f"task {row['task_id']} {_explain_refusal(row)}, so there is nothing to send; nothing was sent"
            )
    return [key_of(row) for row in rows]


def _explain_refusal(row: Item) -> str:
    if "notified_at" in row:
        return f"was announced at {row['notified_at']}"
    return "awaits no notification" if "outcome" in row else "has not ended"


def redrive(keys: Sequence[Key], history: HistoryTable, now: datetime) -> list[Key]:
    """Touch the rows of ``keys`` that still await notification; those that were touched.

    Rows that are held for a digest are not held any more.
    Raises HistoryError and botocore's errors.
    """
    still: dict[str, Value | None] = {"awaiting": AWAITING_NOTIFICATION}
    done = history.apply([Update(key, {"redriven_at": to_text(now)}, still, remove=(HELD_FOR,)) for key in keys])
    return [write.key for write in done.written]


def watch_waiting(keys: Sequence[Key], history: HistoryTable, watch: Retrier) -> Iterator[list[Key]]:
    """Yield, look by look, the ``keys`` that still await notification.

    It ends when none does, or when the time is over.

    Raises TimeOverError where the last look gives nothing in time, and what can't pass by itself.
    """
    left = list(keys)
    while left:
        rows = watch.call(partial(history.read, left))
        left = [key for key in left if rows.get(key, {}).get("awaiting") == AWAITING_NOTIFICATION]
        yield left
        if not left or not watch.remaining:
            return
        watch.pause(INTERVAL)


def name_tasks(keys: Sequence[Key], own: str) -> str:
    """Name the first tasks, with their scopes where some are not ``own``."""
    is_far = has_several_places(map(Key._asdict, keys), own)
    names = ["/".join(key) if is_far else key.task_id for key in keys[:MAX_NAMED]]
    return ", ".join(names) + (" …" if len(keys) > MAX_NAMED else "")
