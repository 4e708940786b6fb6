"""Steps that spoil one task of an answer.

None of them touches the good task, or puts a secret where text may stand.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from xml.etree.ElementTree import Comment, Element, ProcessingInstruction, SubElement

from tests.campaigns.hostile import ugly
from tests.campaigns.hostile.answers import SECRETS, Answer

TAGS = (
    "instanceId", "bundleId", "state", "startTime", "updateTime", "progress", "storage", "S3", "bucket", "prefix",
    "error", "code", "message", "item", "bundleInstanceTasksSet", "unheardOf", "BundleId", "requestId",
)  # fmt: skip
IDS = ("poll#bundle", "poll#", "x" * 2048, "é" * 513, "x" * 1024, "", " ", "bun-00000000", "bun-00000001", "\t", "😀")
Step = Callable[[Element, Element, Random], None]
"""Spoils a child of a parent."""


def spoil_a_task(answer: Answer, rng: Random) -> str:
    """Spoil one of the tasks that are not the good one; the step's name."""
    if not answer.bad:
        return "nothing to spoil"
    task = rng.choice(answer.bad)
    if rng.random() < 0.25:
        name, whole = rng.choice(list(WHOLE_TASKS.items()))
        whole(answer, task, rng)
        return name
    pairs = list(_inside(task))
    if not pairs:
        return "nothing to spoil"
    name, step = rng.choice(list(STEPS.items()))
    step(*rng.choice(pairs), rng)
    return name


def _inside(parent: Element) -> Iterator[tuple[Element, Element]]:
    for child in parent:
        if isinstance(child.tag, str):
            yield parent, child
            yield from _inside(child)


def _is_secret(element: Element) -> bool:
    return any(one.tag in SECRETS for one in element.iter())


def _drop(parent: Element, child: Element, _rng: Random) -> None:
    parent.remove(child)


def _double(parent: Element, child: Element, rng: Random) -> None:
    parent.insert(rng.randint(0, len(parent)), deepcopy(child))


def _nest(parent: Element, child: Element, _rng: Random) -> None:
    inner = deepcopy(child)
    text = child.text if child.tag in SECRETS else None
    child.clear()
    child.text = text
    child.append(inner)


def _rename(_parent: Element, child: Element, rng: Random) -> None:
    child.tag = "unheardOf" if _is_secret(child) else rng.choice(TAGS)


def _empty(_parent: Element, child: Element, _rng: Random) -> None:
    child.clear()


def _text(_parent: Element, child: Element, rng: Random) -> None:
    """Text, in place of a structure too."""
    child.clear()
    child.text = ugly.xml_text(rng)


def _structure(_parent: Element, child: Element, rng: Random) -> None:
    """Return a structure, or what looks like a list, in place of text."""
    for _ in range(rng.randint(1, 3)):
        SubElement(child, rng.choice(("item", "value", *TAGS))).text = ugly.xml_text(rng)


def _misplace(parent: Element, child: Element, rng: Random) -> None:
    """Return a secret, moved or copied to where others stand, under its own name."""
    name = rng.choice(list(SECRETS))
    secret = Element(name)
    secret.text = SECRETS[name]
    rng.choice((parent, child)).insert(0, secret)


def _attribute(_parent: Element, child: Element, rng: Random) -> None:
    child.set(rng.choice(("nil", "type", "xml:lang", "id")), rng.choice(("true", "x", *SECRETS.values())))


def _comment(_parent: Element, child: Element, rng: Random) -> None:
    child.insert(0, rng.choice((Comment, ProcessingInstruction))(SECRETS["uploadPolicy"]))


STEPS: dict[str, Step] = {
    step.__name__.strip("_"): step
    for step in (_drop, _double, _nest, _rename, _empty, _text, _text, _structure, _misplace, _attribute, _comment)
}


def _set(task: Element, name: str, value: str) -> None:
    found = task.find(name)
    (SubElement(task, name) if found is None else found).text = value


def _id(_answer: Answer, task: Element, rng: Random) -> None:
    _set(task, "bundleId", rng.choice((*IDS, ugly.xml_text(rng))))


def _state(_answer: Answer, task: Element, rng: Random) -> None:
    _set(task, "state", ugly.xml_text(rng))


def _times(_answer: Answer, task: Element, rng: Random) -> None:
    _set(task, rng.choice(("startTime", "updateTime")), ugly.in_xml(ugly.time(rng)))


def _progress(_answer: Answer, task: Element, rng: Random) -> None:
    _set(task, "progress", ugly.xml_text(rng))


def _again(answer: Answer, task: Element, rng: Random) -> None:
    """Return the task once more, or the good one, as it stands."""
    one = answer.good if rng.random() < 0.3 else task
    if one is not None:
        answer.tasks.insert(rng.randint(0, len(answer.tasks)), deepcopy(one))


def _hollow(_answer: Answer, task: Element, rng: Random) -> None:
    task.clear()
    task.text = rng.choice((None, ugly.xml_text(rng)))


WHOLE_TASKS: dict[str, Callable[[Answer, Element, Random], None]] = {
    f"task {step.__name__.strip('_')}": step for step in (_id, _state, _times, _times, _progress, _again, _hollow)
}
