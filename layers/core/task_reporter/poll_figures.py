"""The figures by which the poller is watched."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from task_reporter.figures import COUNT, SECONDS, Figure
from task_reporter.kinds import OUTCOMES
from task_reporter.life import Poll
from task_reporter.polling import Polled
from task_reporter.recorder import endings
from task_reporter.redriving import overdue
from task_reporter.rows import Row
from task_reporter.times import seconds_since
from task_reporter.writes import Write


def figures_of_endings(written: Iterable[Write], now: datetime) -> Iterator[Figure]:
    """Count what was ``written`` of tasks that ended, by outcome; ``CaptureDelay`` goes from a task's end to its row.

    A metric costs for each hour in which it has a value, so what did not happen is not counted.
    """
    changes = [change for _, change in endings(written)]
    counts = Counter(change["outcome"] for change in changes)
    yield from (Figure(f"Tasks{name.capitalize()}", COUNT, counts[name]) for name in OUTCOMES if counts[name])
    yield from (Figure("CaptureDelay", SECONDS, delay) for delay in _ages(changes, "finished_at", now))


def figures_of_poll(polled: Polled, poll: Poll) -> Iterator[Figure]:
    """The figures of one poll, and of what still waited to be told when it began.

    ``GoodPolls`` is 1 where every kind was listed and recorded whole; ``OldestWaiting`` is how long the oldest of the
    ``RowsWaiting`` has awaited its notification. ``RowsOverdue`` are those that wait in spite of redriving; while they
    wait for a subscriber none is. ``ConfirmedSubscribers`` are left out where SNS did not say.
    """
    yield Figure("GoodPolls", COUNT, int(polled.good == polled.kinds))
    yield Figure("TasksListed", COUNT, sum(len(recorded.tasks) for recorded in polled.done))
    if unkeepable := sum(len(recorded.unkeepable) for recorded in polled.done):
        yield Figure("TasksUnkeepable", COUNT, unkeepable)
    waiting = polled.known.waiting
    yield Figure("RowsWaiting", COUNT, len(waiting))
    yield Figure("OldestWaiting", SECONDS, max(_ages(waiting, "awaiting_since", poll.now), default=0))
    yield Figure("RowsOverdue", COUNT, 0 if polled.still_waiting else overdue(waiting, poll))
    if polled.audience.confirmed is not None:
        yield Figure("ConfirmedSubscribers", COUNT, polled.audience.confirmed)
    if polled.blind_seconds:
        yield Figure("CoverageGap", SECONDS, polled.blind_seconds)


def _ages(rows: Iterable[Row], since: str, now: datetime) -> Iterator[int]:
    ages = (seconds_since(str(row.get(since, "")), now) for row in rows)
    return (max(age, 0) for age in ages if age is not None)
