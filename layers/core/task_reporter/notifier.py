"""Telling people: the rows that await notification, announced once and marked.

The stream only says which rows to look at. What is announced is what the history holds at that moment, so a
record that comes twice, late or out of date changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from task_reporter.deadline import NO_DEADLINE, Deadline
from task_reporter.errors import IncompleteRowError, NotAnnouncedError, TaskReporterError
from task_reporter.history import History
from task_reporter.message import Notice, plain
from task_reporter.notices import compose
from task_reporter.rows import AWAITING_NOTIFICATION, Key, Row, key_of, redrives_of
from task_reporter.single import plain_notice
from task_reporter.times import now, stamp
from task_reporter.topic import Topic
from task_reporter.writes import Update

ENOUGH_REDRIVES = 5
"""After so many, a row whose notice SNS does not take is told in plain words: nothing waits for ever."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How people want to be told."""

    digest_above: int
    retention_days: int = 0
    """0 keeps rows for ever; else a row expires so many days after its notice."""


@dataclass(slots=True)
class Announced:
    """What became of some tasks: the notices that SNS took, and for each other task why it still waits."""

    notices: list[Notice]
    failed: dict[Key, Exception]


def announce(
    keys: Iterable[Key],
    history: History,
    topic: Topic,
    policy: Policy,
    deadline: Deadline = NO_DEADLINE,
    clock: Callable[[], datetime] = now,
) -> Announced:
    """Announce those of ``keys`` whose rows await notification, and mark each once SNS has taken its notice.

    A mark is tried however little time is left, because without it the notice is repeated.
    Raises HistoryError, OutOfTimeError and botocore's errors where the rows can't be read.
    """
    rows = [row for row in history.read(keys, deadline).values() if row.get("awaiting") == AWAITING_NOTIFICATION]
    announced = Announced([], {key_of(row): IncompleteRowError("no outcome") for row in rows if "outcome" not in row})
    for notice, plainer in _notices([row for row in rows if "outcome" in row], policy.digest_above):
        try:
            deadline.check("announcing")
            announced.notices.append(_published(topic, notice, plainer))
            history.apply(_marks(notice.rows, policy, clock()))
        except (TaskReporterError, BotoCoreError, ClientError) as error:
            announced.failed |= _failures(notice.rows, error)
    return announced


def _notices(rows: Sequence[Row], digest_above: int) -> Iterator[tuple[Notice, Notice | None]]:
    """The notices for ``rows``, each with the plain one to publish in its place if SNS does not take it.

    Only what was redriven again and again has one. It stands apart, so that it costs its neighbours nothing; after a
    long outage that is every row, so it comes in digests as all else.
    """
    stubborn = [row for row in rows if redrives_of(row) >= ENOUGH_REDRIVES]
    yield from ((notice, None) for notice in compose([row for row in rows if row not in stubborn], digest_above))
    yield from ((notice, plain(notice)) for notice in _composed(stubborn, digest_above))


def _composed(stubborn: Sequence[Row], digest_above: int) -> list[Notice]:
    """The notices for ``stubborn`` rows. One whose notice can't be composed, whatever the reason, is told plainly."""
    try:
        return compose(stubborn, digest_above)
    except Exception:
        if len(stubborn) == 1:
            return [plain_notice(stubborn[0])]
        middle = len(stubborn) // 2
        return _composed(stubborn[:middle], digest_above) + _composed(stubborn[middle:], digest_above)


def _published(topic: Topic, notice: Notice, plainer: Notice | None) -> Notice:
    """Publish ``notice``, and where that fails for whatever reason, the ``plainer`` if any; the one that was taken."""
    try:
        topic.publish(notice)
        return notice
    except Exception:
        if plainer is None:
            raise
        topic.publish(plainer)
        return plainer


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
    """``error`` for each of ``rows``; where it names the rows that were refused, for those alone."""
    keys = [key_of(row) for row in rows]
    named = getattr(error, "problems", None)
    if isinstance(named, dict):
        keys = [key for key in keys if key in named]
    return {key: NotAnnouncedError(str(error)) for key in keys}
