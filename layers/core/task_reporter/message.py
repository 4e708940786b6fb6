"""One SNS message: what it holds, and what SNS takes. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from task_reporter.commands import register_command
from task_reporter.kinds import COMPLETE
from task_reporter.rows import TEST, TOLD, Row, place_of
from task_reporter.texts import printable

LONGEST_SUBJECT = 99
LARGEST = 256 * 1024
"""Bytes of message and attributes together, above which SNS refuses a message."""

FILTERED_BY = ("kind", "outcome", "resource_id")
"""What subscriptions filter by, besides account and region."""
Attributes = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One SNS message about ``rows``.

    ``subject`` is ASCII. ``text`` is the message, for people. ``attributes`` are what subscriptions filter by; ``data``
    goes with them, for machines. There is no MessageStructure, because SNS sends the attributes of a structured message
    to nobody: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """

    rows: tuple[Row, ...]
    subject: str
    text: str
    data: dict[str, Any]
    attributes: Attributes

    @property
    def message_attributes(self) -> Attributes:
        """All attributes that SNS gets: ``detail`` holds the data as JSON."""
        return self.attributes | {"detail": {"DataType": "String", "StringValue": _json(self.data)}}

    @property
    def size(self) -> int:
        """Bytes that SNS counts."""
        attributes = self.message_attributes.items()
        counted = (name + typed["DataType"] + typed["StringValue"] for name, typed in attributes)
        return len(self.text.encode()) + sum(len(text.encode()) for text in counted)


BARE = ("scope", "kind", "task_id", "outcome", TEST)


def plain(told: Notice) -> Notice:
    """The same news in its plainest form: tasks and outcomes, nothing of EC2's text.

    It keeps the attributes that are our own words: subscriptions with a filter get nothing that lacks them.
    """
    bare = [{name: row[name] for name in BARE if name in row} for row in told.rows]
    lines = [f"{task_name(row)}: {row['outcome']}" for row in bare]
    rest = f"The full notice could not be sent. The history has the rest, under\n  scope = {told.rows[0]['scope']}"
    data = {"type": "plain", "tasks": [data_of(row) for row in bare]}
    ours = {name: typed for name, typed in told.attributes.items() if name != "resource_id"}
    return Notice(told.rows, told.subject, "\n".join([*lines, "", rest, ""]), data, ours)


def subject(before: str, middle: str, after: str) -> str:
    """A subject as SNS takes it: one line of printable ASCII, fewer than 100 characters.

    What counts stands at both ends, so something long gives way in the middle.
    """
    room = max(LONGEST_SUBJECT - len(before) - len(after), 8)
    return _fitted(before + _fitted(middle, room) + after, LONGEST_SUBJECT)


def _fitted(text: str, most: int) -> str:
    line = printable(text)
    return line if len(line) <= most else line[: most - 3] + "..."


def task_name(row: Row) -> str:
    """``bundle task bun-2a4e041c``."""
    return f"{row.get('kind', 'unknown')} task {row['task_id']}"


def data_of(row: Row) -> dict[str, Any]:
    """What machines are told of a task: the attributes that may leave the table, and what follows from them."""
    account, region = place_of(row)
    data: dict[str, Any] = {"account": account, "region": region}
    data |= {name: row[name] for name in TOLD if name in row}
    data |= {TEST: True} if TEST in row else {}
    command = register_command(row) if row["outcome"] == COMPLETE else None
    return data | ({"register_command": command} if command else {})


def attributes(row: Row, told: Mapping[str, str | set[str]]) -> Attributes:
    """Message attributes: where ``row`` ran, and what is ``told``.

    One text is a String, a set of them a String.Array; what has no value is left out.
    """
    account, region = place_of(row)
    named = {"account": account, "region": region, **told}
    return {name: _typed(value) for name, value in named.items() if value}


def _typed(value: str | set[str]) -> dict[str, str]:
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    return {"DataType": "String.Array", "StringValue": _json(sorted(value))}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
