"""The figures by which the notifier is watched."""

from collections.abc import Iterator

from task_reporter.figures import COUNT, Figure
from task_reporter.notifier import Announced


def figures_of_notices(announced: Announced) -> Iterator[Figure]:
    """Count what became of one batch: messages that SNS took, tasks in them, tasks that were not told or not marked.

    Tasks that wait for a subscriber are none of these.
    """
    yield Figure("NoticesPublished", COUNT, len(announced.notices))
    yield Figure("TasksAnnounced", COUNT, sum(len(notice.rows) for notice in announced.notices))
    yield Figure("TasksNotAnnounced", COUNT, len(announced.failed) + len(announced.unmarked))
