"""Defects that the histories must find: each changes one function of the package in this process, and is undone."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType

from task_reporter import (
    digests,
    history,
    life,
    notifier,
    polling,
    projection,
    recorder,
    redriving,
    stream,
    unfinished,
    vanishing,
    writes,
)


class RottenError(Exception):
    """The text that a mutation replaces is not in the package any more."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """In ``function``, ``old`` becomes ``new``."""

    name: str
    function: FunctionType
    old: str
    new: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The package has the defect while the context lasts, whoever imported the function from wherever."""
        code = self.function.__code__
        self.function.__code__ = self._code()
        try:
            yield
        finally:
            self.function.__code__ = code

    def _code(self) -> object:
        source = textwrap.dedent(inspect.getsource(self.function))
        if self.old not in source:
            raise RottenError(f"{self.name}: {self.function.__qualname__} does not say {self.old!r}")
        made: dict[str, object] = {}
        exec(
            f"from __future__ import annotations\n{source.replace(self.old, self.new)}",
            self.function.__globals__.copy(),
            made,
        )
        return made[self.function.__name__].__code__


PUBLISHED = "announced.notices.append(topic.publish(notice, in_time))"
MARKED = "history.apply(_marks(notice.rows, policy, clock()), deadline.after_first_try())"

MUTATIONS = (
    # What was seen finished is kept
    Mutation(
        "an insert without a condition", writes.put, ', "ConditionExpression": "attribute_not_exists(task_id)"', ""
    ),
    Mutation("an update without a condition", writes.update, "write.expected", "{}"),
    Mutation(
        "a later poll ends a task anew", life.next_write, "_late_error(task, row)", "_advance(kind, task, row, poll)"
    ),
    Mutation(
        "the code that comes late is not waited for",
        life.outcome_of,
        "now < _failed_since(task, now) + LATE_CODE",
        "False",
    ),
    Mutation("cancelling is forgotten", life.outcome_of, "_is_cancelling(kind, before) or ", ""),
    Mutation("keys that were not read are forgotten", history.History.read, "return unread", "return []"),
    Mutation("a conflict is taken for done", history.History.apply, "if code in WORTH_A_RETRY", "if False"),
    Mutation(
        "what was overtaken is not looked at again",
        recorder._Recording.decide_anew,
        "if _has_ended(self.kind, tasks.get(write.key))",
        "if False",
    ),
    # Every outcome is told
    Mutation("marked before it is published", notifier._tell, PUBLISHED, f"{MARKED}\n        {PUBLISHED}"),
    Mutation("told to nobody", notifier.announce, "if must_wait():", "if False:"),
    Mutation(
        "what was written before a request failed is forgotten",
        recorder._Recording.apply,
        "applied = error.applied",
        "from task_reporter.history import Applied; applied = Applied()",
    ),
    Mutation("marked whatever the outcome is by now", notifier._marks, ', "outcome": row["outcome"]', ""),
    Mutation(
        "a digest names one task too few",
        digests._digest,
        "data_of(row) for row in rows",
        "data_of(row) for row in rows[1:]",
    ),
    Mutation(
        "a digest forgets a task",
        digests._digest,
        "sorted(rows, key=_worst_first)",
        "sorted(rows, key=_worst_first)[1:]",
    ),
    Mutation(
        "a failed record is not brought again", stream.settle, "for number in numbers]", "for number in numbers[1:]]"
    ),
    Mutation("a correction says that it was told", life._correction, "remove=OF_THE_LOST", 'remove=("missing_since",)'),
    Mutation(
        "the rest of the waiting rows is not read",
        unfinished.rows_awaiting,
        "if not (last :=",
        "if True or not (last :=",
    ),
    Mutation("nothing is sent again", redriving.touches, "oldest_first[:AT_A_TIME]", "oldest_first[:0]"),
    # Nothing is told twice
    Mutation(
        "told whether or not it waits",
        notifier.announce,
        'row.get("awaiting") == AWAITING_NOTIFICATION',
        '"outcome" in row',
    ),
    Mutation("no mark", notifier._tell, MARKED, "pass"),
    Mutation("sent again while nobody listens", polling.record_all, "if not polled.still_waiting:", "if True:"),
    # Nothing is lost too soon, nothing waits for ever
    Mutation(
        "lost at the first answer without it",
        vanishing._missing,
        "unchanged =",
        "return Update(key_of(row), ended(LOST, row | {'finished_at': now}, now), {})\n    unchanged =",
    ),
    Mutation(
        "lost at the second answer without it",
        vanishing._missing,
        "moment(since) + poll.lost_after > poll.now",
        "False",
    ),
    Mutation(
        "missing since long ago, though listed since",
        life._advance,
        '{name: row[name] for name in row.keys() & {"missing_since"}}',
        "{}",
    ),
    Mutation(
        "an answer without a list is an empty list",
        projection._listed,
        "if not isinstance(listed, list):",
        "if not isinstance(listed, list):\n        return []",
    ),
    Mutation(
        "sent again without a condition",
        redriving._touch,
        '{"awaiting": AWAITING_NOTIFICATION, "redriven_at": row.get("redriven_at")}',
        "{}",
    ),
    # Secrets, quiet, heartbeat
    Mutation(
        "the policy is kept",
        projection._listed,
        "_compiled(kind.projection)",
        '_compiled(kind.projection.replace("S3.Prefix,", "S3.UploadPolicy,"))',
    ),
    Mutation(
        "a task that is running is written at each poll",
        life._advance,
        "if not news and not found:",
        'news = news or {"state": row["state"]}\n    if False:',
    ),
    Mutation("the heart beats although rows were refused", polling.record_all, "if not recorded.refused:", "if True:"),
)
