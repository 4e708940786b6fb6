"""The CloudWatch metrics of the planner."""

from collections.abc import Iterator, Sequence

from task_reporter.organization.planner import RoundResult, count_states
from task_reporter.recording.context import PollContext
from task_reporter.recording.metrics import waiting_metrics
from task_reporter.runtime.metrics import COUNT, Metric


def round_metrics(result: RoundResult, poll: PollContext, accepted: Sequence[str]) -> Iterator[Metric]:
    """Emit the metrics of one round.

    ``GoodPolls`` is 1 where everything was done. ``ScopesOverdue`` were not read for too long, and
    ``ScopesNewlyDenied`` counts the problems that were announced in this round.
    """
    active, readable, denied = count_states(list(result.members.values()), accepted)
    yield Metric("GoodPolls", COUNT, int(result.is_good))
    yield Metric("AccountsWatched", COUNT, active)
    yield Metric("ScopesReadable", COUNT, readable)
    yield Metric("ScopesDenied", COUNT, denied)
    yield Metric("ScopesOverdue", COUNT, len(result.overdue))
    yield Metric("ScopesNewlyDenied", COUNT, len(result.changes.new))
    yield from waiting_metrics(result, poll)
