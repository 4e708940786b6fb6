"""From one EC2 answer to clean tasks: the JMESPath projection, then each value in the form that is stored."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from task_reporter import times
from task_reporter.errors import MalformedAnswerError
from task_reporter.kinds import Kind
from task_reporter.rows import POLL_PREFIX, Row, Value
from task_reporter.texts import shortened

UNKNOWN_STATE = "unknown"
"""Stands where EC2 gave no state: every row has one."""

# DynamoDB refuses a sort key above 1,024 bytes, a partition key (of an index too) above 2,048, and an item
# above 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
LONGEST_ID = 1024
LONGEST = {"resource_id": 2048, "error_message": 131_072}
LONGEST_OTHER = 8192


@dataclass(slots=True)
class Projected:
    """The tasks of one answer, each once; ``unkeepable`` has a sentence for each that can't be kept.

    ``nameless`` are the resources of those that have no id, None where that is unknown too.
    """

    tasks: list[Row] = field(default_factory=list)
    unkeepable: list[str] = field(default_factory=list)
    nameless: set[Value | None] = field(default_factory=set)

    def may_hold(self, row: Row) -> bool:
        """Whether one of the nameless tasks may be that of ``row``: a task's resource is the same all its life."""
        if "resource_id" not in row:
            return bool(self.nameless)
        return not self.nameless.isdisjoint({row["resource_id"], None})


def project(kind: Kind, answers: Iterable[Mapping[str, Any]]) -> Projected:
    """The tasks in EC2's ``answers`` (the pages of one list), each with the attributes that it has.

    Raises MalformedAnswerError where an answer does not hold the list.
    """
    best: dict[str, Row] = {}
    unkeepable: list[str] = []
    nameless: set[Value | None] = set()
    for raw in (raw for answer in answers for raw in _listed(kind, answer)):
        task = _clean(raw)
        if "task_id" not in task:
            nameless.add(task.get("resource_id"))
        if reason := _unkeepable(kind, task):
            unkeepable.append(reason)
            continue
        task_id = str(task["task_id"])
        best[task_id] = max(best.get(task_id, task), task, key=lambda seen: _how_far(kind, seen))
    return Projected(list(best.values()), unkeepable, nameless)


def _listed(kind: Kind, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    search = _compiled(kind.projection).search
    try:
        try:
            listed = search(answer)
        except JMESPathError:
            listed = search(_plain(answer))
    except JMESPathError:  # it quotes values of the answer
        raise MalformedAnswerError(kind.operation, "its values are not of the types that EC2 promises") from None
    if not isinstance(listed, list):
        raise MalformedAnswerError(kind.operation, "it does not hold the list of tasks")
    return listed


def _plain(value: Any) -> Any:
    """``value`` without what is neither a structure, a list, text nor a number.

    Where an element that should hold text stands twice, botocore leaves XML, over which a projection may stumble.
    """
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value if isinstance(one, Mapping | list | str | int | float)]
    return value


@cache
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def _clean(raw: Mapping[str, Any]) -> Row:
    """The values of ``raw`` as they are stored; what is unknown, empty or ugly is absent."""
    cleaned = ((name, _CLEANERS.get(name, _text)(name, value)) for name, value in raw.items())
    return {"state": UNKNOWN_STATE} | {name: value for name, value in cleaned if value is not None}


def _text(name: str, value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    return shortened(value, LONGEST.get(name, LONGEST_OTHER))


def _word(name: str, value: object) -> str | None:
    """A value that is compared with others, so blanks around it mean nothing."""
    text = _text(name, value)
    return text.strip() if text else None


def _time(_name: str, value: object) -> str | None:
    return times.normalised(value) if isinstance(value, str) else None


def _percent(_name: str, value: object) -> int | None:
    """EC2 writes progress as text such as ``20%``; anything but 0 to 100 is no progress."""
    try:
        percent = float(str(value).strip().removesuffix("%"))
    except ValueError:
        return None
    return int(percent) if math.isfinite(percent) and 0 <= percent <= 100 else None


_CLEANERS: dict[str, Callable[[str, object], Value | None]] = {
    "task_id": _word,
    "state": _word,
    "error_code": _word,
    "progress": _percent,
    "started_at": _time,
    "updated_at": _time,
    "finished_at": _time,
}


def _unkeepable(kind: Kind, task: Row) -> str | None:
    """Why ``task`` can't be a row, or None. Its key is all that a row can't do without."""
    task_id = str(task.get("task_id", ""))
    if not task_id:
        about = task.get("resource_id", "an unknown resource")
        return f"{kind.operation} listed a {kind.name} task without an id (for {about}); it can't be kept"
    if len(task_id.encode(errors="replace")) > LONGEST_ID:
        return f"{kind.operation} listed an id of more than {LONGEST_ID} bytes ({task_id[:40]}…); it can't be kept"
    if task_id.startswith(POLL_PREFIX):
        return f"{kind.operation} listed the id {task_id[:40]!r}; ids that begin with {POLL_PREFIX} are reserved"
    return None


def _how_far(kind: Kind, task: Row) -> tuple[bool, bool, str]:
    """Orders copies of one task: an ended one says more than a running one, one with a code more, then the later."""
    return task["state"] in kind.endings, "error_code" in task, str(task.get("updated_at", ""))
