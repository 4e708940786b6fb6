"""Valid answers of EC2 to spoil, each with a good task.

The good task must be recorded, whatever is done to the others.
"""

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
    """An answer, as a tree until it is written down.

    ``is_whole``: nothing but single tasks was spoilt, so it must be understood. ``is_legible``: the good task's own
    bytes are as they were.
    """

    root: Element
    known: list[Row]
    status: int = 200
    prolog: bytes = b""
    spoil: list[str] = field(default_factory=list)
    is_whole: bool = True
    is_legible: bool = True
    names: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> Element:
        """The list; an empty one of its own where steps took it away."""
        found = self.root.find(LIST)
        return Element(LIST) if found is None else found

    @property
    def good(self) -> Element | None:
        """The good task."""
        return next((item for item in self.tasks if item.findtext("bundleId") == GOOD), None)

    @property
    def bad(self) -> list[Element]:
        """All tasks but the good ones."""
        return [item for item in self.tasks if item.findtext("bundleId") != GOOD]


def valid(rng: Random) -> Answer:
    """Return an answer as EC2 gives it, and the history's rows for it."""
    root = Element("DescribeBundleTasksResponse")
    SubElement(root, "requestId").text = "fuzz"
    tasks = SubElement(root, LIST)
    ids = [f"bun-{number:08x}" for number in range(rng.randrange(5))]
    ids.insert(rng.randint(0, len(ids)), GOOD)
    known = []
    for task_id in ids:
        state = rng.choice(STATES)
        tasks.append(item(task_id, state, rng))
        known += [known_row(task_id, rng)] if rng.random() < 0.5 else []
    return Answer(root, known)


def item(task_id: str, state: str, rng: Random) -> Element:
    """Return a task as EC2 lists it, with the secrets that it repeats."""
    made = Element("item")
    told = {"instanceId": f"i-{task_id}", "bundleId": task_id, "state": state}
    told |= {"startTime": "2026-11-23T11:00:00.000Z", "updateTime": "2026-11-23T11:50:00.000Z"}
    told |= {"progress": "20%"} if state in ("bundling", "storing") else {}
    for name, value in told.items():
        SubElement(made, name).text = value
    s3 = SubElement(SubElement(made, "storage"), "S3")
    for name, value in {"bucket": "a-bucket", "prefix": task_id, **SECRETS}.items():
        SubElement(s3, name).text = value
    if state == "failed" and rng.random() < 0.8:
        error = SubElement(made, "error")
        SubElement(error, "code").text = rng.choice(("Client.S3Error", "Client.Cancelled"))
        SubElement(error, "message").text = "The bucket is gone."
    return made


def known_row(task_id: str, rng: Random) -> Row:
    """Return a possible row of a task: running, missing, lost, or ended."""
    row: Row = {"scope": SCOPE, "task_id": task_id, "kind": "bundle", "state": rng.choice(STATES[:5])}
    row |= {"first_seen_at": "2026-11-23T11:00:00.000Z", "updated_at": "2026-11-23T11:20:00.000Z"}
    row |= {"awaiting": "outcome", "awaiting_since": "2026-11-23T11:00:00.000Z"}
    told = {"outcome": rng.choice(("complete", "failed")), "finished_at": NOW, "notified_at": NOW}
    life = rng.choice(("running", "missing", "lost", "ended"))
    if life == "missing":
        row["missing_since"] = "2026-11-23T11:30:00.000Z"
    if life in ("lost", "ended"):
        row = {name: value for name, value in row.items() if not name.startswith("awaiting")} | told
        row |= {"outcome": "lost"} if life == "lost" else {}
    return row


def to_bytes(answer: Answer, rng: Random) -> bytes:
    """Return the body of ``answer``."""
    body = answer.prolog + ElementTree.tostring(answer.root, encoding="utf-8").removeprefix(
        b"<?xml version='1.0' encoding='utf-8'?>\n"
    )
    for how in answer.spoil:
        body = BYTES[how](body, rng)
    return body


def _truncated(body: bytes, rng: Random) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _with_bytes(body: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    return (
        body[:at] + rng.choice((b"\xff\xfe", b"\xc3", b"\x00", b"&#0;", b"&nope;", b"&lol9;", b"<", b"]]>")) + body[at:]
    )


def _flipped(body: bytes, rng: Random) -> bytes:
    flipped = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        if flipped:
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _utf16(body: bytes, _rng: Random) -> bytes:
    return body.decode(errors="replace").encode("utf-16")


BYTES = {"truncated": _truncated, "with bytes": _with_bytes, "flipped": _flipped, "utf-16": _utf16}
