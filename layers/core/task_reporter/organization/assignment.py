"""Assignments: messages that tell the recorder which lists of an account are due."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from task_reporter.errors import AssignmentError
from task_reporter.history.rows import ACCOUNT, REGION
from task_reporter.kinds.table import KINDS


@dataclass(frozen=True, slots=True)
class Assignment:
    """The lists of one account that are due in one round."""

    round: int
    """Beginning of the round, in epoch seconds."""
    until: int
    """Epoch seconds after which the next round does the same work."""
    account: str
    due: Mapping[str, tuple[str, ...]]
    """Region → kinds."""
    find_regions: bool = False
    """Ask for the enabled regions first, and for all lists of new ones.

    ``due`` then names all regions that are known, some of them without kinds.
    """
    slow: bool = False
    """The account was slow, and has the time that it needs."""
    name: str = ""
    """The name of the account in AWS Organizations; empty if unknown."""

    def to_message(self) -> str:
        """Return the body of the message."""
        return json.dumps(asdict(self), separators=(",", ":"))


def parse_assignment(body: object) -> Assignment:
    """Read the body of a message. Raises AssignmentError, which never quotes the body."""
    try:
        content: Any = json.loads(str(body))
        due = {region: _kinds(kinds) for region, kinds in content["due"].items()}
        more = (content.get("find_regions", False), content.get("slow", False), content.get("name", ""))
        assignment = Assignment(content["round"], content["until"], content["account"], due, *more)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise AssignmentError("it is not the JSON that the planner sends") from None
    _check(assignment)
    return assignment


def _kinds(value: object) -> tuple[str, ...]:
    """Return the kinds of one region. Raises TypeError where ``value`` is no list."""
    if not isinstance(value, list):
        raise TypeError("kinds are a list")
    return tuple(value)


def _check(assignment: Assignment) -> None:
    """Raise AssignmentError where a value is not of its form."""
    if not (isinstance(assignment.account, str) and ACCOUNT.fullmatch(assignment.account)):
        raise AssignmentError("its account is not an account id of 12 digits")
    if not all(type(time) is int for time in (assignment.round, assignment.until)):
        raise AssignmentError("its round is not in epoch seconds")
    if not all(isinstance(region, str) and REGION.fullmatch(region) for region in assignment.due):
        raise AssignmentError("it names something that is no region")
    if not all(isinstance(kind, str) and kind in KINDS for kinds in assignment.due.values() for kind in kinds):
        raise AssignmentError("it names a kind that this version does not know")
    if not all(type(flag) is bool for flag in (assignment.find_regions, assignment.slow)):
        raise AssignmentError("find_regions or slow is neither true nor false")
    if not isinstance(assignment.name, str):
        raise AssignmentError("the name of its account is no text")
