"""A batch of assignments from the queue."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

from task_reporter import times
from task_reporter.aws.failures import describe
from task_reporter.errors import AssignmentError
from task_reporter.history.writes import Write
from task_reporter.organization.assignment import Assignment, parse_assignment
from task_reporter.organization.worker import AccountResult, Worker
from task_reporter.recording.context import PollContext
from task_reporter.recording.metrics import ended_task_metrics
from task_reporter.recording.roster import not_yet_logged
from task_reporter.runtime.deadline import Deadline
from task_reporter.runtime.metrics import COUNT, SECONDS, Metric, emit

ACCOUNTS_AT_ONCE = 5
"""Accounts that one execution environment works on at the same time."""


def process_messages(
    messages: Sequence[Mapping[str, Any]],
    worker: Worker,
    poll: PollContext,
    deadline: Deadline,
    logger: Any,
    now: Callable[[], datetime] = times.now,
) -> dict[str, Any]:
    """Carry out the assignments in ``messages``, and return Lambda's partial batch response.

    Each account stands alone.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    assignments, failed = dict[str, Assignment](), list[str]()
    for message in messages:
        try:
            assignments[str(message.get("messageId"))] = parse_assignment(message.get("body"))
        except AssignmentError as error:
            logger.error("a message is no assignment", message_id=message.get("messageId"), reason=str(error))
            failed.append(str(message.get("messageId")))

    def on_written(written: Sequence[Write]) -> None:
        """Log the metrics of ended tasks before a timeout can lose them."""
        emit(ended_task_metrics(written, poll.now))

    with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as pool:
        futures = {
            message_id: pool.submit(partial(worker.work, assignment, poll, deadline, on_written))
            for message_id, assignment in assignments.items()
        }
    results = dict[str, AccountResult]()
    for message_id, future in futures.items():
        try:
            results[message_id] = future.result()
        except Exception as error:  # one account never costs another
            logger.error("an account was not polled", account=assignments[message_id].account, reason=describe(error))
            failed.append(message_id)
    _log(list(results.values()), logger)
    rounds = [assignments[message_id].round for message_id, result in results.items() if not result.dropped]
    emit([*_metrics(list(results.values()), len(failed)), *_effort_metrics(worker.calls.take(), rounds, now())])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _log(results: Sequence[AccountResult], logger: Any) -> None:
    """Log the numbers of a batch, and what is new in each account."""
    for result in results:
        if result.unreadable:
            logger.warning("an account can't be read", account=result.account, unreadable=result.unreadable)
        for one in result.polled.done if result.polled else ():
            if one.unreadable != one.before.unreadable:
                reason = describe(one.error) if one.error else "it can be read again"
                logger.info(
                    "a list changed", account=result.account, kind=one.name, unreadable=one.unreadable, reason=reason
                )
            for sentence in not_yet_logged(one.unkeepable, one.before):
                logger.warning("a task can't be kept", account=result.account, kind=one.name, reason=sentence)
        if result.polled and (gap := result.polled.blind_seconds):
            logger.warning(
                "a task could have come and gone unseen", account=result.account, seconds_without_a_good_poll=gap
            )
        for problem in result.polled.problems if result.polled else ():
            logger.error("not recorded completely", account=result.account, reason=problem)
    done = [one for result in results if result.polled for one in result.polled.done]
    logger.info(
        "worked",
        accounts=len(results),
        dropped=sum(result.dropped for result in results),
        lists=len(done),
        listed=sum(len(one.tasks) for one in done),
        tasks={task_id: outcome for one in done for task_id, outcome in one.ended.items()},
    )


def _metrics(results: Sequence[AccountResult], failed: int) -> list[Metric]:
    polled = [result.polled for result in results if result.polled]
    metrics = [
        Metric("AccountsFailed", COUNT, failed + sum(bool(one.problems) for one in polled)),
        Metric("TasksListed", COUNT, sum(len(one.tasks) for each in polled for one in each.done)),
    ]
    if unkeepable := sum(len(one.unkeepable) for each in polled for one in each.done):
        metrics.append(Metric("TasksUnkeepable", COUNT, unkeepable))
    if gap := max((each.blind_seconds for each in polled), default=0):
        metrics.append(Metric("CoverageGap", SECONDS, gap))
    return metrics


def _effort_metrics(calls: int, rounds: Sequence[int], now: datetime) -> Iterator[Metric]:
    """Emit the number of calls, and the seconds since the earliest of ``rounds`` began."""
    yield Metric("CallsMade", COUNT, calls)
    if rounds:
        yield Metric("RoundDuration", SECONDS, max(int(now.timestamp()) - min(rounds), 0))
