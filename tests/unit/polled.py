"""All figures that one poll writes, whenever in the poll it writes them."""

from __future__ import annotations

from task_reporter.figures import Figure
from task_reporter.life import Poll
from task_reporter.poll_figures import figures_of_endings, figures_of_poll
from task_reporter.polling import Polled
from task_reporter.subscribers import Audience


def figures_of(polled: Polled, poll: Poll, confirmed: int | None = None) -> list[Figure]:
    """The figures of ``polled``, with so many ``confirmed`` subscribers."""
    polled.audience = Audience(confirmed, polled.audience.must_wait)
    written = [write for recorded in polled.done for write in recorded.written]
    return [*figures_of_endings(written, poll.now), *figures_of_poll(polled, poll)]
