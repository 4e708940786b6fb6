"""Clean tasks from EC2's answers: the projection, then each value in stored form."""

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
from task_reporter.history.rows import Row, Value
from task_reporter.kinds.kind import Kind
from task_reporter.kinds.reasons import error_code_in
from task_reporter.texts import truncate_utf8, without_url_queries

UNKNOWN_STATE = "unknown"
"""State of a task for which EC2 gave none; every row has one."""

# DynamoDB refuses a sort key above 1,024 bytes, a partition key (of an index too) above 2,048, and an item
# above 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_ID_BYTES = 1024
MAX_BYTES = {"resource_id": 2048, "error_message": 131_072}
MAX_OTHER_BYTES = 8192


@dataclass(slots=True)
class ProjectedTasks:
    """The tasks of one answer."""

    tasks: list[Row] = field(default_factory=list)
    """Each task once."""
    unkeepable: list[str] = field(default_factory=list)
    """A sentence for each task that can't be stored."""
    resources_without_id: set[Value | None] = field(default_factory=set)
    """The resources of the tasks without an id; None stands for an unknown resource."""

    def may_hold(self, row: Row) -> bool:
        """Tell whether a task without an id may be that of ``row``.

        A task never changes its resource.
        """
        if "resource_id" not in row:
            return bool(self.resources_without_id)
        return not self.resources_without_id.isdisjoint({row["resource_id"], None})


def project(kind: Kind, answers: Iterable[Mapping[str, Any]]) -> ProjectedTasks:
    """Return the tasks in EC2's ``answers``, which are the pages of one list.

    Raises MalformedAnswerError where an answer does not hold the list.
    """
    latest: dict[str, Row] = {}
    unkeepable: list[str] = []
    without_id: set[Value | None] = set()
    for raw in (raw for answer in answers for raw in _search(kind, answer)):
        task = _with_code(kind, _clean(raw))
        if "task_id" not in task:
            without_id.add(task.get("resource_id"))
        if reason := _unkeepable(kind, task):
            unkeepable.append(reason)
            continue
        task_id = str(task["task_id"])
        latest[task_id] = max(latest.get(task_id, task), task, key=lambda copy: _recency(kind, copy))
    return ProjectedTasks(list(latest.values()), unkeepable, without_id)


def _search(kind: Kind, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    search = _compiled(kind.projection).search
    try:
        try:
            tasks = search(answer)
        except JMESPathError:
            tasks = search(_plain(answer))
    except JMESPathError:  # its text quotes values of the answer
        raise MalformedAnswerError(kind.operation, "its values are not of the types that EC2 promises") from None
    if not isinstance(tasks, list):
        raise MalformedAnswerError(kind.operation, "it does not hold the list of tasks")
    return tasks


def _plain(value: Any) -> Any:
    """Return ``value`` with structures, lists, texts and numbers alone.

    botocore leaves XML objects where an element that should hold text occurs twice, and a projection may fail on them.
    """
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value if isinstance(item, Mapping | list | str | int | float)]
    return value


@cache
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def _clean(raw: Mapping[str, Any]) -> Row:
    """Return the values of ``raw`` as stored, without empty and invalid ones."""
    cleaned = ((name, _CLEANERS.get(name, _text)(name, value)) for name, value in raw.items())
    return {"state": UNKNOWN_STATE} | {name: value for name, value in cleaned if value is not None}


def _with_code(kind: Kind, task: Row) -> Row:
    """Add the error code from the error text, for lists without a code."""
    code = error_code_in(str(task.get("error_message", ""))) if kind.code_in_text else None
    return task | {"error_code": code} if code else task


def _text(name: str, value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    return truncate_utf8(without_url_queries(value), MAX_BYTES.get(name, MAX_OTHER_BYTES))


def _word(name: str, value: object) -> str | None:
    """Clean a value that is compared with others: blanks around it are removed."""
    text = _text(name, value)
    return text.strip() if text else None


def _time(_name: str, value: object) -> str | None:
    return times.normalize(value) if isinstance(value, str) else None


def _percent(_name: str, value: object) -> int | None:
    """Convert progress, such as ``20%``, to a number from 0 to 100."""
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
    """Return the reason why ``task`` can't be a row, or None.

    A row needs nothing but its key.
    """
    task_id = str(task.get("task_id", ""))
    if not task_id:
        about = task.get("resource_id", "an unknown resource")
        return f"{kind.operation} listed a {kind.name} task without an id (for {about}); it can't be kept"
    if len(task_id.encode(errors="replace")) > MAX_ID_BYTES:
        return f"{kind.operation} listed an id of more than {MAX_ID_BYTES} bytes ({task_id[:40]}…); it can't be kept"
    return None


def _recency(kind: Kind, task: Row) -> tuple[bool, bool, str]:
    """Return the sort key for copies of one task, the best copy last.

    An ended copy is better than a running one, one with an error code better than one without, then the later better.
    """
    return task["state"] in kind.endings, "error_code" in task, str(task.get("updated_at", ""))
