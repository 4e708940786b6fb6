"""The result of polling one list."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from task_reporter.aws.failures import describe
from task_reporter.history.rows import HELD_FOR, Key, Row
from task_reporter.history.writes import Insert, Write
from task_reporter.recording.roster import ListRecord


@dataclass(slots=True)
class ListResult:
    """The result of polling one list."""

    kind: str
    tasks: list[Row] = field(default_factory=list)
    """The listed tasks."""
    written: list[Write] = field(default_factory=list)
    overtaken: list[Write] = field(default_factory=list)
    """Writes whose condition failed, because another writer was faster."""
    unkeepable: list[str] = field(default_factory=list)
    """A sentence for each listed task that can't be a row."""
    problems: list[str] = field(default_factory=list)
    incomplete: bool = False
    """Something that should have been recorded was not."""
    error: Exception | None = None
    """The error for which the list was not read."""
    unreadable: str = ""
    """Reason for which neither this poll nor later ones can read the list."""
    before: ListRecord = field(default_factory=ListRecord)
    """The list in the roster before this poll."""
    region: str = ""
    """The region of the list, if it is not that of the poll."""

    def fail(self, reason: str) -> None:
        """Note that something was not recorded, and the reason."""
        self.incomplete = True
        self.problems.append(f"{self.name}: {reason}")

    def decide(self, decisions: Iterable[tuple[Key, Callable[[], Write | None]]]) -> list[Write]:
        """Make ``decisions`` and return their writes.

        A decision that fails is a problem of its own row alone.
        """
        writes: list[Write | None] = []
        for key, decision in decisions:
            try:
                writes.append(decision())
            except Exception as error:  # a row of another program may hold anything
                self.fail(f"{key.task_id}: {describe(error)}")
        return [write for write in writes if write]

    @property
    def name(self) -> str:
        """The name of the list: its kind, or ``<region>/<kind>``."""
        return f"{self.region}/{self.kind}" if self.region else self.kind

    @property
    def is_good(self) -> bool:
        """The list was read and recorded completely."""
        return self.error is None and not self.incomplete

    @property
    def ended(self) -> dict[str, str]:
        """Id → outcome of the tasks whose end this poll recorded."""
        return {key.task_id: str(attributes["outcome"]) for key, attributes in ended_tasks(self.written)}

    @property
    def has_held(self) -> bool:
        """This poll recorded ended tasks that are held for the digest of their account."""
        return any(HELD_FOR in attributes for _, attributes in ended_tasks(self.written))

    def summary(self) -> dict[str, Any]:
        """Return the numbers of the poll."""
        if self.unreadable:
            return {"unreadable": self.unreadable}
        return {"listed": len(self.tasks), "written": len(self.written), "ended": dict(Counter(self.ended.values()))}


def ended_tasks(written: Iterable[Write]) -> Iterator[tuple[Key, Row]]:
    """Yield key and written attributes of each task whose end was ``written``."""
    for write in written:
        attributes = write.row if isinstance(write, Insert) else write.set
        if "outcome" in attributes:
            yield write.key, attributes
