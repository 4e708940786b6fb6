"""All metrics of one poll."""

from __future__ import annotations

from task_reporter.aws.subscribers import Audience
from task_reporter.recording.context import PollContext
from task_reporter.recording.metrics import ended_task_metrics, poll_metrics
from task_reporter.recording.poll_kinds import PollResult
from task_reporter.runtime.metrics import Metric


def figures_of(polled: PollResult, poll: PollContext, confirmed: int | None = None) -> list[Metric]:
    """Return the metrics of ``polled``, with ``confirmed`` subscribers."""
    polled.audience = Audience(confirmed, polled.audience.must_wait)
    written = [write for recorded in polled.done for write in recorded.written]
    return [*ended_task_metrics(written, poll.now), *poll_metrics(polled, poll)]
