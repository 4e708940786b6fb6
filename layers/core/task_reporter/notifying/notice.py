"""One SNS message, within the limits of SNS. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from task_reporter.history.rows import ACCOUNT_NAME, TEST_ATTRIBUTE, Row, account_and_region, short_account
from task_reporter.kinds.kind import COMPLETE
from task_reporter.kinds.table import kind_of
from task_reporter.notifying.shell_commands import next_commands
from task_reporter.texts import printable_ascii, truncate_utf8

MAX_SUBJECT, MAX_NAME = 99, 24
"""Characters of a subject, and of an account's name in it."""
MAX_MESSAGE_BYTES = 256 * 1024
"""Text and attributes together. SNS refuses larger messages."""

MIN_ERROR_BYTES = 500
"""Smallest size of a shortened error text.

A message that is still too large has other causes.
"""

FILTER_ATTRIBUTES = ("kind", "outcome", "resource_id")
"""The attributes by which subscriptions filter, besides account and region."""
Attributes = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One SNS message about some rows.

    It has no MessageStructure, because SNS drops the attributes of a structured message:
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """

    rows: tuple[Row, ...]
    subject: str
    """ASCII, at most ``MAX_SUBJECT`` characters."""
    text: str
    """The message, for people."""
    data: dict[str, Any]
    """The same for machines. It becomes the attribute ``detail``."""
    attributes: Attributes
    """The attributes by which subscriptions filter."""

    @property
    def message_attributes(self) -> Attributes:
        """All attributes as SNS takes them, ``detail`` included."""
        return self.attributes | {"detail": {"DataType": "String", "StringValue": to_json(self.data)}}

    @property
    def size(self) -> int:
        """The size of the message in bytes, as SNS counts it."""
        attributes = self.message_attributes.items()
        counted = (name + typed["DataType"] + typed["StringValue"] for name, typed in attributes)
        return len(self.text.encode()) + sum(len(text.encode()) for text in counted)


MINIMAL_ATTRIBUTES = ("scope", "kind", "task_id", "outcome", TEST_ATTRIBUTE)


def minimal_row(row: Row) -> Row:
    """Return ``row`` without any text of EC2's."""
    return {name: row[name] for name in MINIMAL_ATTRIBUTES if name in row}


def minimal_notice(notice: Notice) -> Notice:
    """Reduce ``notice`` to tasks and outcomes, without any text of EC2's.

    The attributes that this package defines itself stay, because a subscription with a filter policy receives no
    message that lacks them.
    """
    rows = [minimal_row(row) for row in notice.rows]
    lines = [f"{task_name(row)}: {row['outcome']}" for row in rows]
    rest = f"The full notice could not be sent. The history has the rest, under\n{scope_lines(notice.rows)}"
    data = {"type": "plain", "tasks": [task_data(row) for row in rows]}
    attributes = {name: typed for name, typed in notice.attributes.items() if name != "resource_id"}
    return Notice(notice.rows, notice.subject, "\n".join([*lines, "", rest, ""]), data, attributes)


def format_subject(start: str, middle: str, end: str) -> str:
    """Return a subject for SNS: printable ASCII, one line, under 100 characters.

    The start and the end matter most, so a long ``middle`` is shortened first.
    """
    room = max(MAX_SUBJECT - len(start) - len(end), 8)
    return _fitted(start + _fitted(middle, room) + end, MAX_SUBJECT)


def _fitted(text: str, max_length: int) -> str:
    line = printable_ascii(text)
    return line if len(line) <= max_length else line[: max_length - 3] + "..."


def task_name(row: Row) -> str:
    """Return the kind and the id of a task: such as ``import-image task import-ami-1``."""
    return f"{row.get('kind', 'unknown')} task {row['task_id']}"


def with_account_name(text: str, rows: Sequence[Row]) -> str:
    """Return ``text``, which has the id of the account of ``rows``, after its name.

    All ``rows`` are of one account. Its name may be unknown.
    """
    name = account_name(rows)
    return f"{name} ({text})" if name else text


def account_name(rows: Sequence[Row]) -> str:
    """Return the name of the account of ``rows``, or '' where it is unknown."""
    return next((str(row[ACCOUNT_NAME]) for row in rows if ACCOUNT_NAME in row), "")


def credentials_note(rows: Sequence[Row]) -> str | None:
    """Say of which account the commands about ``rows`` need credentials.

    None where there are no commands, or the account is not of an organization.
    """
    if not account_name(rows) or not any(True for row in rows for _ in next_commands(row)):
        return None
    return f"The commands need credentials of the account {with_account_name(account_and_region(rows[0])[0], rows)}."


def short_place(rows: Sequence[Row]) -> str:
    """Return account and region of ``rows`` for a subject.

    All ``rows`` are of one account. Its name stands for its id, where it is known and a subject can hold it.
    """
    account, name = account_and_region(rows[0])[0], account_name(rows)
    return _place(_fitted(short_account(account, name if printable_ascii(name) == name else ""), MAX_NAME), rows)


def full_place(rows: Sequence[Row]) -> str:
    """Return account and region of ``rows``, which are of one account."""
    return with_account_name(_place(account_and_region(rows[0])[0], rows), rows)


def _place(account: str, rows: Sequence[Row]) -> str:
    regions = regions_of(rows)
    return f"{account}/{regions[0]}" if len(regions) == 1 else f"{account}, {len(regions)} regions"


def regions_of(rows: Sequence[Row]) -> list[str]:
    """Return the regions of ``rows`` in the order of their names."""
    return sorted({account_and_region(row)[1] for row in rows})


def scope_lines(rows: Sequence[Row]) -> str:
    """Return the lines that name the scopes of ``rows`` in the history."""
    return "\n".join(f"  scope = {scope}" for scope in sorted({str(row["scope"]) for row in rows}))


def task_subject(row: Row) -> str:
    """Return the subject of a task's notice."""
    start = f"{'TEST: ' if TEST_ATTRIBUTE in row else ''}EC2 {row.get('kind', 'unknown')} task "
    return format_subject(start, str(row["task_id"]), f" {row['outcome']} ({short_place([row])})")


def task_detail(row: Row) -> dict[str, Any]:
    """Return the ``detail`` of a task's notice and of its event."""
    steps = [{"text": step.text, "command": command} for step, command in next_commands(row)]
    return {"type": "task", **task_data(row), "subject": task_subject(row), "next_steps": steps}


def shorten_error(row: Row, fits: Callable[[Row], bool]) -> Row | None:
    """Return ``row``, with a shortened error text where it does not fit otherwise.

    None where that does not suffice.
    """
    while not fits(row):
        size = len(str(row.get("error_message", "")).encode())
        if size <= MIN_ERROR_BYTES:
            return None
        row = row | {"error_message": truncate_utf8(str(row["error_message"]), size // 2)}
    return row


def task_data(row: Row) -> dict[str, Any]:
    """Return a task's data for machines: public attributes, and commands for its result."""
    account, region = account_and_region(row)
    data: dict[str, Any] = {"account": account, "region": region}
    data |= {name: row[name] for name in kind_of(row).public_attributes if name in row}
    data |= {TEST_ATTRIBUTE: True} if TEST_ATTRIBUTE in row else {}
    if row["outcome"] == COMPLETE:
        data |= {f"{step.name}_command": command for step, command in next_commands(row)}
    return data


def to_message_attributes(row: Row, values: Mapping[str, str | set[str]]) -> Attributes:
    """Convert ``values`` to message attributes, and add where the task of ``row`` ran.

    A text becomes a String, a set of texts a String.Array. Empty values are left out.
    """
    account, region = account_and_region(row)
    named = {"account": account, "region": region, **values}
    return {name: _typed(value) for name, value in named.items() if value}


def _typed(value: str | set[str]) -> dict[str, str]:
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    return {"DataType": "String.Array", "StringValue": to_json(sorted(value))}


def to_json(value: Any) -> str:
    """Return ``value`` as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
