"""Valid answers of EC2 to spoil.

Each has a good task, which must be recorded, whatever is done to the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from task_reporter.history.rows import Row

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
LIST, GOOD = "bundleInstanceTasksSet", "bun-900d900d"
SCOPE = "123456789012/us-east-2"
SECRETS = {
    "AWSAccessKeyId": "AKIAFUZZFUZZFUZZFUZZ",
    "uploadPolicy": "ZnV6ei1zZWNyZXQtcG9saWN5",
    "uploadPolicySignature": "fuzz+secret/signature=",
}
STATES = ("pending", "waiting-for-shutdown", "bundling", "storing", "cancelling", "complete", "failed")
NOW = "2026-11-23T12:00:00.000Z"


@dataclass(slots=True)
class Answer:
    """An answer, as a tree, and the steps that spoilt it."""

    root: Element
    rows: list[Row]
    """The history before the answer."""
    status: int = 200
    prolog: bytes = b""
    spoil: list[str] = field(default_factory=list)
    """The steps of ``BYTES`` for the written answer."""
    is_whole: bool = True
    """True if only single tasks are spoilt, so that the answer must be understood."""
    is_legible: bool = True
    """True if the good task's own bytes are unchanged."""
    names: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> Element:
        """Return the list; an empty one if steps removed it."""
        found = self.root.find(LIST)
        return Element(LIST) if found is None else found

    @property
    def good(self) -> Element | None:
        return next((item for item in self.tasks if item.findtext("bundleId") == GOOD), None)

    @property
    def bad(self) -> list[Element]:
        return [item for item in self.tasks if item.findtext("bundleId") != GOOD]


def valid(rng: Random) -> Answer:
    """Return an answer as EC2 gives it, and the history's rows for it."""
    root = Element("DescribeBundleTasksResponse")
    SubElement(root, "requestId").text = "fuzz"
    tasks = SubElement(root, LIST)
    ids = [f"bun-{number:08x}" for number in range(rng.randrange(5))]
    ids.insert(rng.randint(0, len(ids)), GOOD)
    rows: list[Row] = []
    for task_id in ids:
        state = rng.choice(STATES)
        tasks.append(item(task_id, state, rng))
        rows += [row(task_id, rng)] if rng.random() < 0.5 else []
    return Answer(root, rows)


def item(task_id: str, state: str, rng: Random) -> Element:
    """Return a task as EC2 lists it, with the secrets that it repeats."""
    task = Element("item")
    values = {"instanceId": f"i-{task_id}", "bundleId": task_id, "state": state}
    values |= {"startTime": "2026-11-23T11:00:00.000Z", "updateTime": "2026-11-23T11:50:00.000Z"}
    values |= {"progress": "20%"} if state in ("bundling", "storing") else {}
    for name, value in values.items():
        SubElement(task, name).text = value
    s3 = SubElement(SubElement(task, "storage"), "S3")
    for name, value in {"bucket": "a-bucket", "prefix": task_id, **SECRETS}.items():
        SubElement(s3, name).text = value
    if state == "failed" and rng.random() < 0.8:
        error = SubElement(task, "error")
        SubElement(error, "code").text = rng.choice(("Client.S3Error", "Client.Cancelled"))
        SubElement(error, "message").text = "The bucket is gone."
    return task


def row(task_id: str, rng: Random) -> Row:
    """Return a possible row of a task: running, missing, lost, or ended."""
    row: Row = {"scope": SCOPE, "task_id": task_id, "kind": "bundle", "state": rng.choice(STATES[:5])}
    row |= {"first_seen_at": "2026-11-23T11:00:00.000Z", "updated_at": "2026-11-23T11:20:00.000Z"}
    awaiting: Row = {"awaiting": "outcome", "awaiting_since": "2026-11-23T11:00:00.000Z"}
    end: Row = {"outcome": rng.choice(("complete", "failed")), "finished_at": NOW, "notified_at": NOW}
    phases: list[Row] = [
        awaiting, awaiting | {"missing_since": "2026-11-23T11:30:00.000Z"}, end | {"outcome": "lost"}, end,
    ]  # fmt: skip
    return row | rng.choice(phases)


def to_bytes(answer: Answer, rng: Random) -> bytes:
    body: bytes = answer.prolog + ElementTree.tostring(answer.root, encoding="utf-8").removeprefix(
        b"<?xml version='1.0' encoding='utf-8'?>\n"
    )
    for how in answer.spoil:
        body = BYTES[how](body, rng)
    return body


def _with_bytes(body: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    more = rng.choice((b"\xff\xfe", b"\xc3", b"\x00", b"&#0;", b"&nope;", b"&lol9;", b"<", b"]]>"))
    return body[:at] + more + body[at:]


def _flipped(body: bytes, rng: Random) -> bytes:
    flipped = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        if flipped:
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


BYTES: dict[str, Callable[[bytes, Random], bytes]] = {
    "truncated": lambda body, rng: body[: rng.randrange(len(body) + 1)],
    "with bytes": _with_bytes,
    "flipped": _flipped,
    "utf-16": lambda body, rng: body.decode(errors="replace").encode("utf-16"),
}
