"""What people and machines are told: one notice for one task, or one digest for many.

Takes rows, gives what SNS takes, talks to nobody. SNS's limits:
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from task_reporter import times
from task_reporter.kinds import CANCELLED, COMPLETE, FAILED, LOST
from task_reporter.projection import shortened
from task_reporter.rows import TOLD, Row

LONGEST_SUBJECT = 99
LARGEST = 256 * 1024
"""Bytes of message and attributes together, above which SNS refuses a message."""
ERROR_IN_DIGEST = 500
WORST_FIRST = (FAILED, LOST, CANCELLED, COMPLETE)
VERDICTS = {
    COMPLETE: "is complete.",
    FAILED: "failed.",
    CANCELLED: "was cancelled.",
    LOST: "vanished from EC2's list before it was seen to end.",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One SNS message about ``rows``: ``subject`` in ASCII, ``text`` for people, ``data`` for machines."""

    rows: tuple[Row, ...]
    subject: str
    text: str
    data: dict[str, Any]
    attributes: dict[str, dict[str, str]]

    @property
    def message(self) -> str:
        """Both bodies as ``MessageStructure: json`` takes them: ``email`` for people, ``default`` for machines."""
        return _json({"default": _json(self.data), "email": self.text})

    @property
    def size(self) -> int:
        """Bytes that SNS counts."""
        counted = (name + typed["DataType"] + typed["StringValue"] for name, typed in self.attributes.items())
        return len(self.message.encode()) + sum(len(text.encode()) for text in counted)


def compose(rows: Iterable[Row], digest_above: int) -> list[Notice]:
    """The notices for ``rows``: one each, or digests where one scope has more than ``digest_above`` of them."""
    notices: list[Notice] = []
    for _, some in groupby(sorted(rows, key=_scope_then_time), key=lambda row: row["scope"]):
        together = list(some)
        notices += _digests(together) if len(together) > digest_above else map(notice, together)
    return notices


def notice(row: Row) -> Notice:
    """The notice for one finished task; EC2's error text in full, or where SNS takes less, the first part of it."""
    told = _single(row)
    while told.size > LARGEST and (length := len(str(row.get("error_message", "")).encode())) > ERROR_IN_DIGEST:
        row = row | {"error_message": shortened(str(row["error_message"]), length // 2)}
        told = _single(row)
    return told if told.size <= LARGEST else plain(told)


def plain(told: Notice) -> Notice:
    """The same news in its plainest form, for a notice that SNS refuses: tasks and outcomes, nothing of EC2's text.

    It keeps the attributes that are our own words: subscriptions with a filter get nothing that lacks them.
    """
    bare = [{name: row[name] for name in BARE if name in row} for row in told.rows]
    lines = [f"{_task(row)}: {row['outcome']}" for row in bare]
    rest = f"SNS did not take the full notice. The history has the rest, under\n  scope = {told.rows[0]['scope']}"
    data = {"type": "plain", "tasks": [_data(row) for row in bare]}
    attributes = {name: typed for name, typed in told.attributes.items() if name != "resource_id"}
    return Notice(told.rows, told.subject, "\n".join([*lines, "", rest, ""]), data, attributes)


BARE = ("scope", "kind", "task_id", "outcome")


def register_command(row: Row) -> str | None:
    """The command that makes an AMI of a bundle, quoted for a shell; None where the image's place is unknown.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
    """
    if "image_location" not in row:
        return None
    options = {"name": str(row["task_id"]), "image-location": str(row["image_location"])}
    return _command("ec2 register-image", row, options)


def check_command(row: Row) -> str | None:
    """The command that fails where a bundle has no manifest, quoted for a shell; None where its place is unknown."""
    if "image_location" not in row:
        return None
    bucket, _, key = str(row["image_location"]).partition("/")
    return _command("s3api head-object", row, {"bucket": bucket, "key": key})


def _command(name: str, row: Row, options: dict[str, str]) -> str:
    region = str(row["scope"]).partition("/")[2]
    quoted = (f"--{option} {shlex.quote(value)}" for option, value in {"region": region, **options}.items())
    return f"aws {name} {' '.join(quoted)}"


def ascii_subject(text: str) -> str:
    """``text`` as SNS takes a subject: one line of printable ASCII, fewer than 100 characters."""
    printable = "".join(char if " " <= char <= "~" else "?" for char in " ".join(text.split()))
    return printable if len(printable) <= LONGEST_SUBJECT else printable[: LONGEST_SUBJECT - 3] + "..."


def _scope_then_time(row: Row) -> tuple[str, str, str]:
    return str(row["scope"]), str(row.get("finished_at", "")), str(row["task_id"])


def _task(row: Row) -> str:
    return f"{row.get('kind', 'unknown')} task {row['task_id']}"


# One task


def _single(row: Row) -> Notice:
    return Notice((row,), _subject(row), _text(row), {"type": "task", **_data(row)}, _attributes(row))


def _subject(row: Row) -> str:
    before, after = f"EC2 {row.get('kind', 'unknown')} task ", f" {row['outcome']} ({row['scope']})"
    return _fitted(before, str(row["task_id"]), after)


def _fitted(before: str, middle: str, after: str) -> str:
    """A subject. What counts stands at both ends, so something long gives way in the middle."""
    room = max(LONGEST_SUBJECT - len(before) - len(after), 8)
    middle = ascii_subject(middle)
    return ascii_subject(before + (middle if len(middle) <= room else middle[: room - 3] + "...") + after)


def _text(row: Row) -> str:
    outcome = str(row["outcome"])
    parts = [
        f"EC2 {_task(row)} {VERDICTS.get(outcome, f'ended: {outcome}.')}",
        "\n".join(f"  {label:<13} {value}" for label, value in _facts(row) if value),
        _error(row),
        _next_step(row),
        "The history keeps this task under\n"
        f"  scope = {row['scope']}, task_id = {row['task_id']}\nalso when EC2 no longer lists it.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(row: Row) -> Iterator[tuple[str, str | None]]:
    account, _, region = str(row["scope"]).partition("/")
    lost = row["outcome"] == LOST
    yield "Account", account
    yield "Region", region
    yield "Resource", _maybe(row, "resource_id")
    yield "Last state", _maybe(row, "state") if lost else None
    yield "Progress", f"{row['progress']} %" if row["outcome"] != COMPLETE and "progress" in row else None
    yield "Started", _maybe(row, "started_at", times.spoken)
    yield "Last update", _maybe(row, "updated_at", times.spoken) if lost else None
    yield "Declared lost", _maybe(row, "finished_at", times.spoken) if lost else None
    yield "Finished", None if lost else _finished(row)
    yield "Manifest", _maybe(row, "image_location") if row["outcome"] == COMPLETE else None
    yield "Destination", _destination(row) if row["outcome"] in (FAILED, CANCELLED) else None


def _maybe(row: Row, name: str, form: Any = str) -> str | None:
    return form(str(row[name])) if name in row else None


def _destination(row: Row) -> str:
    return "/".join(str(row[name]) for name in ("bucket", "prefix") if name in row)


def _finished(row: Row) -> str | None:
    if "finished_at" not in row:
        return None
    finished = str(row["finished_at"])
    took = times.spoken_length(str(row["started_at"]), finished) if "started_at" in row else None
    return times.spoken(finished) + (f" (after {took})" if took else "")


def _error(row: Row) -> str | None:
    if not ("error_code" in row or "error_message" in row):
        return "EC2 gave no error code." if row["outcome"] == FAILED else None
    return f"Error code: {row.get('error_code', 'none')}\n\n{row.get('error_message', '')}".rstrip()


def _next_step(row: Row) -> str | None:
    if row["outcome"] == LOST:
        return _search(row)
    command = register_command(row) if row["outcome"] == COMPLETE else None
    return f"To register it as an AMI, now or when EC2 has forgotten the task:\n\n  {command}" if command else None


def _search(row: Row) -> str:
    """What became of a lost task can be seen only where its work would be."""
    steps = ["It may have ended well or not. If EC2 lists it again as ended, another notice will say so."]
    if check := check_command(row):
        steps.append(f"A bundle that ended well has its manifest in S3. This fails if there is none:\n\n  {check}")
        steps.append(f"If the manifest is there, this registers the AMI:\n\n  {register_command(row)}")
    return "\n\n".join(steps)


def _data(row: Row) -> dict[str, Any]:
    account, _, region = str(row["scope"]).partition("/")
    data: dict[str, Any] = {"account": account, "region": region}
    data |= {name: row[name] for name in TOLD if name in row}
    command = register_command(row) if row["outcome"] == COMPLETE else None
    return data | ({"register_command": command} if command else {})


def _attributes(row: Row) -> dict[str, dict[str, str]]:
    account, _, region = str(row["scope"]).partition("/")
    told = {"account": account, "region": region}
    told |= {name: str(row[name]) for name in ("kind", "outcome", "resource_id") if name in row}
    return {name: _string(value) for name, value in told.items() if value}


def _string(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


# Many tasks


def _digests(rows: Sequence[Row]) -> list[Notice]:
    """Digests that name all ``rows``, each within SNS's limit; most often one."""
    parts = list(_parts(rows))
    if len(parts) == 1:
        return [_digest(parts[0])]
    numbered = ((part, f", part {number} of {len(parts)}") for number, part in enumerate(parts, 1))
    return [_digest(part, which) if len(part) > 1 else notice(part[0]) for part, which in numbered]


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    if len(rows) == 1 or _digest(rows, ", part 1000 of 1000").size <= LARGEST:
        yield rows
    else:
        yield from _parts(rows[: len(rows) // 2])
        yield from _parts(rows[len(rows) // 2 :])


def _digest(rows: Sequence[Row], part: str = "") -> Notice:
    """Worst first, because that is what a reader needs to see; error texts shortened, the history has them whole."""
    rows = [_briefly(row) for row in sorted(rows, key=_worst_first)]
    counts = Counter(str(row["outcome"]) for row in rows)
    tally = ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts, key=_rank))
    scope = str(rows[0]["scope"])
    subject = _fitted("EC2 tasks: ", tally, f" ({scope}{part})")
    sections = [f"{len(rows)} EC2 tasks ended in {scope}{part}: {tally}."]
    for outcome, some in groupby(rows, key=lambda row: str(row["outcome"])):
        sections += _section(outcome, list(some))
    sections.append(f"The history keeps them all, with EC2's error texts in full, under\n  scope = {scope}")
    data = {"type": "digest", "count": len(rows), "tasks": [_data(row) for row in rows]}
    return Notice(tuple(rows), subject, "\n\n".join(sections) + "\n", data, _shared_attributes(rows, scope))


def _rank(outcome: str) -> int:
    return WORST_FIRST.index(outcome) if outcome in WORST_FIRST else len(WORST_FIRST)


def _worst_first(row: Row) -> tuple[int, str]:
    return _rank(str(row["outcome"])), str(row["outcome"])


def _briefly(row: Row) -> Row:
    if "error_message" not in row:
        return row
    return row | {"error_message": shortened(str(row["error_message"]), ERROR_IN_DIGEST)}


IN_DIGEST = {
    COMPLETE: (register_command, "with the command that registers the AMI, now or when EC2 has forgotten the task"),
    LOST: (check_command, "with a check for the manifest in S3, which fails if there is no image"),
}
"""Outcome → the command that stands with a task, and what it is for."""


def _section(outcome: str, rows: Sequence[Row]) -> list[str]:
    command_for, use = IN_DIGEST.get(outcome, (lambda row: None, ""))
    commands = [command_for(row) for row in rows]
    heading = f"{outcome.upper()} ({len(rows)})" + (f", {use}" if any(commands) else "")
    return [heading, *map(_entry, rows, commands)]


def _entry(row: Row, command: str | None) -> str:
    lost = row["outcome"] == LOST
    about = (_maybe(row, "resource_id"), _maybe(row, "updated_at" if lost else "finished_at", times.spoken))
    lines = ["  " + "  ".join([_task(row), *(part for part in about if part)])]
    if lost:
        last = (_maybe(row, "state"), f"{row['progress']} %" if "progress" in row else None)
        lines.append(f"    last seen: {', '.join(part for part in last if part)}")
    if "error_code" in row or "error_message" in row:
        error = f"{row.get('error_code', 'no code')}: {row.get('error_message', '')}"
        lines.append("    " + " ".join(error.split()).removesuffix(":"))
    if command:
        lines.append(f"    {command}")
    return "\n".join(lines)


def _shared_attributes(rows: Sequence[Row], scope: str) -> dict[str, dict[str, str]]:
    account, _, region = scope.partition("/")
    named = {"account": account, "region": region}
    shared = {name: _string(value) for name, value in named.items() if value}
    for name in ("kind", "outcome", "resource_id"):
        if values := sorted({str(row[name]) for row in rows if name in row}):
            shared[name] = {"DataType": "String.Array", "StringValue": _json(values)}
    return shared


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
