"""Telling people: the rows that await notification, announced once and marked.

The stream only says which rows to look at. What is announced is what the history holds at that moment, so a
record that comes twice, late or out of date changes nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import HistoryError, IncompleteRowError, NotAnnouncedError
from task_reporter.failures import FORESEEN, answer_is_missing, describe
from task_reporter.history import History
from task_reporter.message import Notice
from task_reporter.notices import compose
from task_reporter.patience import COUNT_SUBSCRIBERS, PUBLISH, USE_TABLE
from task_reporter.rows import AWAITING_NOTIFICATION, Key, Row, key_of
from task_reporter.single import plain_notice
from task_reporter.times import now, stamp
from task_reporter.topic import Topic
from task_reporter.writes import Update

MARK_SECONDS = 2 * USE_TABLE.longest
"""Kept for the mark of a notice: one write, and one read where its answer is lost."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How people want to be told."""

    digest_above: int
    retention_days: int = 0
    """0 keeps rows for ever; else a row expires so many days after its notice."""


@dataclass(slots=True)
class Announced:
    """The result of announcing some tasks.

    ``notices`` are those that SNS took. Each task in ``failed`` was refused or never sent; the stream brings it again.
    Each task in ``unmarked`` may have been told: SNS's answer or the mark is missing. Only redriving sends those again,
    because a retry by the stream would send many emails within minutes. ``waiting`` are the tasks that wait for a
    subscriber. ``problems`` are notices that could not be composed; those tasks were told in the plainest form.
    """

    notices: list[Notice] = field(default_factory=list)
    failed: dict[Key, Exception] = field(default_factory=dict)
    unmarked: dict[Key, Exception] = field(default_factory=dict)
    waiting: list[Key] = field(default_factory=list)
    problems: dict[Key, str] = field(default_factory=dict)


def announce(
    keys: Iterable[Key],
    history: History,
    topic: Topic,
    policy: Policy,
    deadline: Deadline = NO_DEADLINE,
    clock: Callable[[], datetime] = now,
    must_wait: Callable[[], bool] = lambda: False,
) -> Announced:
    """Announce those of ``keys`` whose rows await notification, and mark each once SNS has taken its notice.

    ``must_wait`` tells whether SNS would drop the notices, because nobody has confirmed a subscription. It is asked
    only where there is something to tell. A mark is tried once however little time is left, because without it the
    notice is repeated. Raises HistoryError, OutOfTimeError and botocore's errors where the rows can't be read.
    """
    rows = [row for row in history.read(keys, deadline).values() if row.get("awaiting") == AWAITING_NOTIFICATION]
    announced = Announced(
        failed={key_of(row): IncompleteRowError("no outcome") for row in rows if "outcome" not in row}
    )
    rows = [row for row in rows if "outcome" in row]
    if rows:
        deadline.check("counting subscribers", COUNT_SUBSCRIBERS.longest)
        if must_wait():
            announced.waiting = [key_of(row) for row in rows]
            return announced
    for notice in _composed(rows, policy.digest_above, announced):
        _tell(notice, history, topic, policy, deadline, clock, announced)
    return announced


def _tell(
    notice: Notice,
    history: History,
    topic: Topic,
    policy: Policy,
    deadline: Deadline,
    clock: Callable[[], datetime],
    announced: Announced,
) -> None:
    """Publish ``notice`` and mark its rows, or note in ``announced`` what kept that from happening."""
    in_time = partial(deadline.check, "announcing", PUBLISH.longest + MARK_SECONDS)
    try:
        announced.notices.append(topic.publish(notice, in_time))
    except Exception as error:  # whatever it is, it must not cost the notices that follow
        kept = announced.unmarked if answer_is_missing(error) else announced.failed
        kept |= _failures(notice.rows, error)
        return
    try:
        history.apply(_marks(notice.rows, policy, clock()), deadline.after_first_try())
    except FORESEEN as error:
        announced.unmarked |= _failures(notice.rows, error)


def _composed(rows: Sequence[Row], digest_above: int, announced: Announced) -> list[Notice]:
    """The notices for ``rows``. A row whose notice can't be composed, whatever the reason, is told plainly."""
    try:
        return compose(rows, digest_above)
    except Exception as error:
        if len(rows) == 1:
            announced.problems[key_of(rows[0])] = describe(error)
            return [plain_notice(rows[0])]
        middle = len(rows) // 2
        halves = rows[:middle], rows[middle:]
        return [notice for half in halves for notice in _composed(half, digest_above, announced)]


def _marks(rows: Sequence[Row], policy: Policy, told: datetime) -> list[Update]:
    """The marks, each only while the row awaits notification of the outcome that was told.

    A lost task that was corrected meanwhile keeps awaiting, and its correction is told next.
    """
    mark: Row = {"notified_at": stamp(told)}
    if policy.retention_days:
        mark["expires_at"] = int((told + timedelta(days=policy.retention_days)).timestamp())
    done = ("awaiting", "awaiting_since", "redriven_at", "redrives")
    return [
        Update(key_of(row), mark, {"awaiting": AWAITING_NOTIFICATION, "outcome": row["outcome"]}, remove=done)
        for row in rows
    ]


def _failures(rows: Sequence[Row], error: Exception) -> dict[Key, Exception]:
    """``error`` for each of ``rows``; where the history names those that it refused, for those alone."""
    keys = [key_of(row) for row in rows]
    if isinstance(error, HistoryError):
        keys = [key for key in keys if key in error.problems]
    return {key: NotAnnouncedError(describe(error)) for key in keys}
