"""Everything about one task, for people."""

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime

from task_reporter.history.rows import account_and_region
from task_reporter.kinds.kind import COMPLETE
from task_reporter.kinds.table import kind_of
from task_reporter.notifying.notice import credentials_note
from task_reporter.notifying.shell_commands import next_commands
from task_reporter_cli.history.items import Item
from task_reporter_cli.output.columns import format_run_time, format_state
from task_reporter_cli.output.lines import to_one_line
from task_reporter_cli.time_formats import format_with_age

LABELS = {
    "scope": "Account, region",
    "account_name": "Account name",
    "kind": "Kind",
    "resource_id": "Resource",
    "started_at": "Started",
    "updated_at": "Last update",
    "first_seen_at": "First seen",
    "finished_at": "Finished",
    "notified_at": "Announced",
    "event_sent_at": "Event sent",
    "missing_since": "Missing since",
    "unreachable_since": "Not watched since",
    "redriven_at": "Redriven",
    "bucket": "Bucket",
    "prefix": "Prefix",
}
"""Attribute → label, in this order. The kind's own attributes follow, then ``LAST_LABELS``."""
LAST_LABELS = {"image_id": "Image", "error_code": "Error code", "error_message": "Error"}
COMBINED_ATTRIBUTES = {"task_id", "state", "outcome", "progress", "awaiting", "awaiting_since", "expires_at"}
"""Attributes that are part of another line; others have a line each."""


def format_facts(row: Item, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield label and value of each line."""
    labels = {**LABELS, **kind_of(row).attributes, **LAST_LABELS}
    yield "State", _format_state(row)
    for name, label in labels.items():
        if name in row:
            yield label, _format_value(name, row[name], now)
    if length := format_run_time(row):
        yield "Took", length
    if "awaiting" in row:
        yield "Awaits", f"{row['awaiting']}, since {_format_value('_at', row.get('awaiting_since', 'unknown'), now)}"
    if "expires_at" in row:
        yield "Kept until", _format_epoch(row["expires_at"], now)
    for name in sorted(row.keys() - labels.keys() - COMBINED_ATTRIBUTES):
        yield name, _format_value(name, row[name], now)


def _format_state(row: Item) -> str:
    ended, last = format_state(row), row.get("state")
    return ended if last in (None, row.get("outcome")) or "outcome" not in row else f"{ended} (EC2 said {last})"


def _format_value(name: str, value: object, now: datetime) -> str:
    text = to_one_line(value)
    return format_with_age(text, now) if name.endswith(("_at", "_since")) else text


def _format_epoch(seconds: object, now: datetime) -> str:
    try:
        moment = datetime.fromtimestamp(float(str(seconds)), now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return to_one_line(seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def next_steps(row: Item, name: str, flags: str, own: str = "") -> Iterator[tuple[str, str]]:
    """Yield what can be done with the task now: the purpose, and the command.

    ``name`` is the name by which the task was found, and ``flags`` lead to the same history. ``own`` is the account of
    the stack, if known: credentials of others are those of another profile.
    """
    task = shlex.quote(name) + flags
    if "outcome" not in row:
        yield "Wait until it ends", f"task-reporter wait {task}"
    if row.get("awaiting") == "notification":
        yield "Nobody was told yet; send it again", f"task-reporter redrive {task}"
    can_register = row.get("outcome") == COMPLETE and kind_of(row).registration(row)
    if can_register and "image_id" in row:
        return
    if can_register:
        register = f"task-reporter register {task} --name {shlex.quote(row['task_id'])}"
        if own and account_and_region(row)[0] != own:
            register += " --task-profile PROFILE"
        yield "Make an AMI of it, now or when EC2 has forgotten it", register
    yield from ((step.text, command) for step, command in next_commands(row))


def format_credentials(row: Item, steps: Iterable[tuple[str, str]]) -> str | None:
    """Say of which account the aws commands in ``steps`` need credentials."""
    return credentials_note([row]) if any(command.startswith("aws ") for _, command in steps) else None
