"""Polls of one kind, and all figures that a poll writes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial
from typing import Any

from task_reporter.aws.subscribers import Audience
from task_reporter.history.backlog import Backlog
from task_reporter.history.rows import Row
from task_reporter.history.table import HistoryTable
from task_reporter.kinds.kind import Kind
from task_reporter.recording import poll_lists as polls
from task_reporter.recording.context import PollContext
from task_reporter.recording.list_result import ListResult
from task_reporter.recording.metrics import ended_task_metrics, poll_metrics
from task_reporter.recording.poll_lists import PollResult, poll_lists
from task_reporter.recording.recorder import ListPoll, OnWritten, Recorder, WatchedList
from task_reporter.runtime.deadline import NO_DEADLINE, Deadline
from task_reporter.runtime.metrics import Metric


def figures_of(polled: PollResult, poll: PollContext, confirmed: int | None = None) -> list[Metric]:
    """Return the figures of ``polled``, with so many ``confirmed`` subscribers."""
    polled.audience = Audience(confirmed, polled.audience.must_wait)
    written = [write for recorded in polled.done for write in recorded.written]
    return [*ended_task_metrics(written, poll.now), *poll_metrics(polled, poll)]


def watched(kind: Kind, ec2: Any, poll: PollContext, deadline: Deadline = NO_DEADLINE) -> WatchedList:
    """Return the list of one kind in the region of ``poll``."""
    return WatchedList(kind, poll, partial(polls.read_list, kind, ec2, deadline))


def poll_kinds(
    kinds: Iterable[Kind],
    ec2: Any,
    history: HistoryTable,
    poll: PollContext,
    pool: Executor,
    deadline: Deadline = NO_DEADLINE,
    **options: Any,
) -> PollResult:
    """Poll the lists of ``kinds`` in the region of ``poll``."""
    lists = [watched(kind, ec2, poll, deadline) for kind in kinds]
    return poll_lists(lists, history, poll, pool, deadline, **options)


def poll_kind(
    kind: Kind,
    ec2: Any,
    history: HistoryTable,
    poll: PollContext,
    running: Iterable[Row] = (),
    deadline: Deadline = NO_DEADLINE,
    on_written: OnWritten = lambda written: None,
) -> ListResult:
    """Read and record the list of one kind, without roster and redriving.

    ``running`` are the rows that await their outcome. Raises the errors of reading EC2's list and the history.
    """
    one = ListPoll(watched(kind, ec2, poll, deadline), polls.read_list(kind, ec2, deadline), poll.scope)
    Recorder(history, poll, deadline, on_written).record([one], lambda: Backlog(list(running)))
    return one.result
