"""Results of a round, and violations in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from task_reporter.history.rows import Row
from task_reporter.history.table import WRITES_PER_TRANSACTION

NOTIFIER = "Notifier"
Notices = list[list[str]]
"""Notices in their order, each as its tasks."""
EVENTS_PER_MARK = WRITES_PER_TRANSACTION
"""Events that are sent before they are marked together."""


@dataclass(slots=True)
class Round:
    """Results of one round; ``problems`` are the violations."""

    number: int
    killed: Counter[str] = field(default_factory=Counter)
    broken_polls: int = 0
    polls: int = 0
    notices: int = 0
    repeated: int = 0
    """Tasks that were announced more than once."""
    interrupted: int = 0
    """Notices without a mark, so that their tasks were announced again."""
    repeated_events: int = 0
    seconds: float = 0
    problems: list[str] = field(default_factory=list)


def judge(
    done: Round, rows: Mapping[str, Row], ended: Mapping[str, str], notices: Notices, events: Sequence[str]
) -> None:
    """Note figures and violations of a round; ``events`` are tasks."""
    announced = Counter(task for notice in notices for task in notice)
    done.notices, done.repeated = len(notices), sum(count > 1 for count in announced.values())
    done.interrupted = interrupted_among(notices)
    wrong = [task for task, row in rows.items() if row.get("outcome") != ended[task]]
    unmarked = [
        task for task, row in rows.items() if "awaiting" in row or not {"notified_at", "event_sent_at"} <= row.keys()
    ]
    named = {
        "missing": ended.keys() - rows.keys(),
        "with a wrong outcome": wrong,
        "unmarked": unmarked,
        "untold": ended.keys() - announced.keys(),
        "without an event": ended.keys() - set(events),
        "told, and of another round": announced.keys() - ended.keys(),
    }
    done.problems += [f"{len(tasks)} {what}: {', '.join(sorted(tasks)[:5])}" for what, tasks in named.items() if tasks]
    # A killed function leaves at most one notice that SNS accepted and that is not marked.
    if done.interrupted > done.killed[NOTIFIER]:
        done.problems.append(f"{done.interrupted} notices told again, and {done.killed['Notifier']} notifiers killed")
    done.repeated_events = len(events) - len(set(events))
    if done.repeated_events > EVENTS_PER_MARK * done.killed[NOTIFIER]:
        done.problems.append(f"{done.repeated_events} events again, and {done.killed['Notifier']} notifiers killed")


def interrupted_among(notices: Sequence[Sequence[str]]) -> int:
    """Count the notices with a task that a later notice repeats."""
    later: set[str] = set()
    count = 0
    for notice in reversed(notices):
        count += not later.isdisjoint(notice)
        later.update(notice)
    return count
