"""The figures by which the notifier is watched."""

from collections.abc import Iterator

from task_reporter.figures import COUNT, Figure
from task_reporter.notifier import Announced


def figures_of_notices(announced: Announced) -> Iterator[Figure]:
    """What became of one batch: messages that SNS took, tasks that they told, tasks that go on waiting."""
    yield Figure("NoticesPublished", COUNT, len(announced.notices))
    yield Figure("TasksAnnounced", COUNT, sum(len(notice.rows) for notice in announced.notices))
    yield Figure("TasksNotAnnounced", COUNT, len(announced.failed))
