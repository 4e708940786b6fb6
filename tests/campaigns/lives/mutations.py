"""Defects that the histories must find: each changes one function of the package in this process, and is undone."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType

from task_reporter.history import backlog, writes
from task_reporter.history import table as history
from task_reporter.notifying import announce as notifier
from task_reporter.notifying import digest as digests
from task_reporter.notifying import stream_batch as stream
from task_reporter.recording import missing as vanishing
from task_reporter.recording import poll_kind as recorder
from task_reporter.recording import poll_kinds as polling
from task_reporter.recording import projection
from task_reporter.recording import redrive as redriving
from task_reporter.recording import transitions as life


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


PUBLISHED = "published = topic.publish(notice, check_time)"
MARKED = "history.apply(_marks(notice.rows, policy, clock()), deadline.after_first_try())"

MUTATIONS = (
    # What was seen finished is kept
    Mutation(
        "an insert without a condition",
        writes.put_request,
        ', "ConditionExpression": "attribute_not_exists(task_id)"',
        "",
    ),
    Mutation("an update without a condition", writes.update_request, "write.expected", "{}"),
    Mutation(
        "a later poll ends a task anew", life.next_write, "_late_error(task, row)", "_advance(kind, task, row, poll)"
    ),
    Mutation(
        "the code that comes late is not waited for",
        life.outcome_of,
        "now < _failed_since(task, now) + LATE_CODE_LIMIT",
        "False",
    ),
    Mutation("cancelling is forgotten", life.outcome_of, "_is_cancelling(kind, before) or ", ""),
    Mutation("keys that were not read are forgotten", history.HistoryTable.read, "return unread", "return []"),
    Mutation("a conflict is taken for done", history.HistoryTable.apply, "if code in RETRYABLE", "if False"),
    Mutation(
        "what was overtaken is not looked at again",
        recorder._KindWriter.decide_again,
        "if _has_ended(self.kind, tasks.get(write.key))",
        "if False",
    ),
    # Every outcome is told
    Mutation("marked before it is published", notifier._publish_and_mark, PUBLISHED, f"{MARKED}\n        {PUBLISHED}"),
    Mutation("told to nobody", notifier.announce, "if must_wait():", "if False:"),
    Mutation(
        "what was written before a request failed is forgotten",
        recorder._KindWriter.apply,
        "applied = error.applied",
        "from task_reporter.history.table import ApplyResult; applied = ApplyResult()",
    ),
    Mutation("marked whatever the outcome is by now", notifier._marks, ', "outcome": row["outcome"]', ""),
    Mutation(
        "a digest names one task too few",
        digests._digest,
        "task_data(row) for row in rows",
        "task_data(row) for row in rows[1:]",
    ),
    Mutation(
        "a digest forgets a task",
        digests._digest,
        "sorted(rows, key=_severity)",
        "sorted(rows, key=_severity)[1:]",
    ),
    Mutation(
        "a failed record is not brought again",
        stream.process_batch,
        "for number in numbers]",
        "for number in numbers[1:]]",
    ),
    Mutation(
        "a correction says that it was told", life._correction, "remove=LOST_ATTRIBUTES", 'remove=("missing_since",)'
    ),
    Mutation(
        "the rest of the waiting rows is not read",
        backlog.query_awaiting,
        "if not (last :=",
        "if True or not (last :=",
    ),
    Mutation("nothing is sent again", redriving.redrive_writes, "oldest_first[:MAX_ROWS_PER_POLL]", "oldest_first[:0]"),
    # Nothing is told twice
    Mutation(
        "told whether or not it waits",
        notifier.announce,
        'row.get("awaiting") == AWAITING_NOTIFICATION',
        '"outcome" in row',
    ),
    Mutation("no mark", notifier._publish_and_mark, MARKED, "pass"),
    Mutation("sent again while nobody listens", polling.poll_kinds, "if not result.still_waiting:", "if True:"),
    # Nothing is lost too soon, nothing waits for ever
    Mutation(
        "lost at the first answer without it",
        vanishing._missing,
        "unchanged =",
        "return Update(key_of(row), end_attributes(LOST, row | {'finished_at': now}, now), {})\n    unchanged =",
    ),
    Mutation(
        "lost at the second answer without it",
        vanishing._missing,
        "parse(since) + poll.lost_after > poll.now",
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
        projection._search,
        "if not isinstance(tasks, list):",
        "if not isinstance(tasks, list):\n        return []",
    ),
    Mutation(
        "sent again without a condition",
        redriving._redrive_write,
        '{"awaiting": AWAITING_NOTIFICATION, "redriven_at": row.get("redriven_at")}',
        "{}",
    ),
    # Secrets, quiet, heartbeat
    Mutation(
        "the policy is kept",
        projection._search,
        "_compiled(kind.projection)",
        '_compiled(kind.projection.replace("S3.Prefix,", "S3.UploadPolicy,"))',
    ),
    Mutation(
        "a task that is running is written at each poll",
        life._advance,
        "if not news and not missing:",
        'news = news or {"state": row["state"]}\n    if False:',
    ),
    Mutation(
        "the heart beats although rows were refused", polling.poll_kinds, "if not kind_result.refused:", "if True:"
    ),
)
