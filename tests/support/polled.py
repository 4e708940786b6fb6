"""Polls of one kind, and all figures that a poll writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from task_reporter.aws.subscribers import Audience
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import Kind
from task_reporter.recording.context import PollContext
from task_reporter.recording.kind_result import KindResult
from task_reporter.recording.metrics import ended_task_metrics, poll_metrics
from task_reporter.recording.poll_kinds import PollResult, read_list
from task_reporter.recording.recorder import ListPoll, OnWritten, Recorder
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.runtime.metrics import Metric


def figures_of(polled: PollResult, poll: PollContext, confirmed: int | None = None) -> list[Metric]:
    """Return the figures of ``polled``, with so many ``confirmed`` subscribers."""
    polled.audience = Audience(confirmed, polled.audience.must_wait)
    written = [write for recorded in polled.done for write in recorded.written]
    return [*ended_task_metrics(written, poll.now), *poll_metrics(polled, poll)]


def poll_kind(
    kind: Kind,
    ec2: Any,
    history: HistoryTable,
    poll: PollContext,
    running: Iterable[Row] = (),
    deadline: Deadline = NO_DEADLINE,
    on_written: OnWritten = lambda written: None,
) -> KindResult:
    """Read and record the list of one kind, without roster and redriving.

    ``running`` are the rows that await their outcome. Raises the errors of reading EC2's list and the history.
    """
    one = ListPoll(kind, read_list(kind, ec2, deadline))
    Recorder(history, poll, deadline, on_written).record([one], lambda: Backlog(list(running)))
    return one.result
