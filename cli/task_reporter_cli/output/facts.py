"""Everything about one task, for people."""

import shlex
from collections.abc import Iterator
from datetime import datetime

from task_reporter.commands import check_command, register_command
from task_reporter.kinds import COMPLETE, LOST
from task_reporter_cli.items import Item
from task_reporter_cli.output.columns import state, took
from task_reporter_cli.output.lines import one_line
from task_reporter_cli.when import with_age

LABELS = {
    "scope": "Account, region",
    "kind": "Kind",
    "resource_id": "Resource",
    "started_at": "Started",
    "updated_at": "Last update",
    "first_seen_at": "First seen",
    "finished_at": "Finished",
    "notified_at": "Announced",
    "missing_since": "Missing since",
    "redriven_at": "Redriven",
    "bucket": "Bucket",
    "prefix": "Prefix",
    "image_location": "Manifest",
    "image_id": "Image",
    "error_code": "Error code",
    "error_message": "Error",
}
"""Attributes that are told as they stand, in this order. What else a row holds follows under its own name."""
TOLD_ELSEWHERE = {"task_id", "state", "outcome", "progress", "awaiting", "awaiting_since", "expires_at"}


def facts(row: Item, now: datetime) -> Iterator[tuple[str, str]]:
    """Label and value, line by line."""
    yield "State", _state(row)
    for name, label in LABELS.items():
        if name in row:
            yield label, _value(name, row[name], now)
    if length := took(row):
        yield "Took", length
    if "awaiting" in row:
        yield "Awaits", f"{row['awaiting']}, since {_value('_at', row.get('awaiting_since', 'unknown'), now)}"
    if "expires_at" in row:
        yield "Kept until", _epoch(row["expires_at"], now)
    for name in sorted(row.keys() - LABELS.keys() - TOLD_ELSEWHERE):
        yield name, _value(name, row[name], now)


def _state(row: Item) -> str:
    ended, last = state(row), row.get("state")
    return ended if last in (None, row.get("outcome")) or "outcome" not in row else f"{ended} (EC2 said {last})"


def _value(name: str, value: object, now: datetime) -> str:
    text = one_line(value)
    return with_age(text, now) if name.endswith(("_at", "_since")) else text


def _epoch(seconds: object, now: datetime) -> str:
    try:
        moment = datetime.fromtimestamp(float(str(seconds)), now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return one_line(seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def next_steps(row: Item, named: str, flags: str) -> Iterator[tuple[str, str]]:
    """What can be done with the task as it stands: why, and the command.

    ``named`` is what the task was found by, and ``flags`` lead to the same history.
    """
    task = shlex.quote(named) + flags
    if "outcome" not in row:
        yield "Wait until it ends", f"task-reporter wait {task}"
    if row.get("awaiting") == "notification":
        yield "Nobody was told yet; send it again", f"task-reporter redrive {task}"
    if "image_location" not in row or "image_id" in row:
        return
    if row.get("outcome") == COMPLETE:
        yield (
            "Make an AMI of it, now or when EC2 has forgotten it",
            f"task-reporter register {task} --name {shlex.quote(row['task_id'])}",
        )
        yield "The same with the aws CLI", str(register_command(row))
    if row.get("outcome") == LOST:
        yield "See whether its manifest is there; this fails if it is not", str(check_command(row))
        yield "If it is, make an AMI of it", str(register_command(row))
