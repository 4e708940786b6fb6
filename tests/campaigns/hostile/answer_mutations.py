"""Steps that spoil an answer of EC2, or one of its tasks.

No step changes the good task, or puts a secret where text may stand.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from xml.etree.ElementTree import Comment, Element, ProcessingInstruction, SubElement, fromstring, indent

from tests.campaigns.hostile import values
from tests.campaigns.hostile.answers import BYTES, LIST, NAMESPACE, SECRETS, Answer

PROLOGS = (
    b'<?xml version="1.0" encoding="ISO-8859-1"?>', b"\xef\xbb\xbf", b'<?xml version="1.0"?>\n<!-- a comment -->\n',
    b'<?xml version="1.0" standalone="yes"?><?php evil ?>',
)  # fmt: skip
INVALID_PROLOGS = (
    b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 99 + b'"><!ENTITY b "&a;&a;&a;">]>',
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd">', b"HTTP/1.1 200 OK\r\n\r\n", b'<?xml version="9.9"?>', b" \n",
    b'<!DOCTYPE x [<!ENTITY lol9 SYSTEM "file:///etc/passwd">]>', b'<?xml version="1.0" encoding="nope"?>',
)  # fmt: skip
REFUSALS = (
    "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>",
    "<Response><Errors>{}{}</Errors></Response>", "<Response><Errors/></Response>", "<Response>{}{}</Response>",
    "<Response><Errors><Error>{}</Error><Error>{}</Error></Errors></Response>",
    "<ErrorResponse><Error/></ErrorResponse>",
    "<Response><Errors/><Errors/></Response>", "<Response><Errors><Error><Code/></Error></Errors></Response>",
    "<Response><Errors><Error><Code><x/></Code></Error></Errors><RequestID/></Response>", "<html><body>x</body></html>",
)  # fmt: skip
REFUSAL_CODES = ("RequestLimitExceeded", "InternalError", "UnauthorizedOperation", "", "x" * 3000)
STATUSES = (201, 204, 299, 300, 301, 304, 400, 403, 404, 412, 413, 429, 500, 503)
ROOTS = ("<html><body>Sign in</body></html>", "<a/>", f"<{LIST}/>")
TAGS = (
    "instanceId", "bundleId", "state", "startTime", "updateTime", "progress", "storage", "S3", "bucket", "prefix",
    "error", "code", "message", "item", "bundleInstanceTasksSet", "unheardOf", "BundleId", "requestId",
)  # fmt: skip
IDS = ("roster", "poll#", "x" * 2048, "é" * 513, "x" * 1024, "", " ", "bun-00000000", "bun-00000001", "\t", "😀")


def rewrite(answer: Answer, rng: Random) -> str:
    """Write the same answer in another way."""
    how = rng.choice(("namespace", "shuffled", "sibling", "prolog", "indented"))
    if how == "namespace":
        answer.root.set("xmlns", rng.choice((NAMESPACE, "urn:another", "http://ec2.amazonaws.com/doc/2099-01-01/")))
    elif how == "shuffled":
        rng.shuffle(shuffled := list(answer.tasks))
        answer.tasks[:] = shuffled
    elif how == "sibling":
        answer.root.insert(rng.randint(0, len(answer.root)), Element("nextToken"))
    elif how == "prolog":
        answer.prolog = rng.choice(PROLOGS)
    else:
        indent(answer.tasks)
    return how


# The answer as a whole


def spoil_answer(answer: Answer, rng: Random) -> str:
    """Spoil more than single tasks, so that the answer may be refused."""
    answer.is_whole = False
    name, step = rng.choice(list(ANSWER_STEPS.items()))
    step(answer, rng)
    return name


def _list_is_text(answer: Answer, rng: Random) -> None:
    answer.tasks.clear()
    answer.tasks.text = values.xml_text(rng).strip() or "text"


def _text_in_list(answer: Answer, rng: Random) -> None:
    rng.choice((answer.tasks, *answer.tasks)).tail = "text"
    if len(answer.tasks):
        rng.choice(list(answer.tasks)).tail = "text"


def _list_renamed(answer: Answer, rng: Random) -> None:
    answer.tasks.tag = rng.choice(("bundleinstancetasksset", "BundleTasks", "item", "exportTaskSet"))


def _list_doubled(answer: Answer, rng: Random) -> None:
    second = rng.choice((deepcopy(answer.tasks), Element(LIST)))
    answer.root.insert(rng.randint(0, len(answer.root)), second)


def _list_nested(answer: Answer, _rng: Random) -> None:
    answer.tasks[:] = [deepcopy(answer.tasks)]


def _list_wrapped(answer: Answer, _rng: Random) -> None:
    answer.root[:] = [deepcopy(answer.root)]


def _items_renamed(answer: Answer, rng: Random) -> None:
    for item in answer.tasks:
        item.tag = rng.choice(("member", "Item", "task"))


def _another_root(answer: Answer, rng: Random) -> None:
    answer.root = fromstring(rng.choice(ROOTS))


def _deep(answer: Answer, rng: Random) -> None:
    at = answer.root if rng.random() < 0.5 else answer.tasks
    for _ in range(rng.choice((90, 400))):
        at = SubElement(at, "item")


def _refusal(answer: Answer, rng: Random) -> None:
    answer.root = fromstring(rng.choice(REFUSALS).format(rng.choice(REFUSAL_CODES), "&lt;message&gt;"))
    answer.status = rng.choice((200, *STATUSES))


def _status(answer: Answer, rng: Random) -> None:
    answer.status = rng.choice(STATUSES)


def _bytes(answer: Answer, rng: Random) -> None:
    how = rng.choice(list(BYTES))
    # Bytes inside the good task's own text may change it, and still be an answer.
    answer.is_legible = answer.is_legible and how in ("truncated", "utf-16")
    answer.spoil.append(how)


def _invalid_prolog(answer: Answer, rng: Random) -> None:
    answer.prolog = rng.choice(INVALID_PROLOGS)


def _secret_outside(answer: Answer, rng: Random) -> None:
    rng.choice((answer.root, answer.tasks)).append(_secret(rng))


ANSWER_STEPS: dict[str, Callable[[Answer, Random], None]] = {
    step.__name__.strip("_").replace("_", " "): step
    for step in (
        _list_is_text, _text_in_list, _list_renamed, _list_doubled, _list_nested, _list_wrapped, _items_renamed,
        _another_root, _deep, _refusal, _status, _bytes, _invalid_prolog, _secret_outside,
    )
}  # fmt: skip


# Single tasks, as a whole and inside


def spoil_task(answer: Answer, rng: Random) -> str:
    """Spoil one task that is not the good one."""
    if not answer.bad:
        return "nothing to spoil"
    task = rng.choice(answer.bad)
    if rng.random() < 0.25:
        name, step = rng.choice(list(TASK_STEPS.items()))
        step(answer, task, rng)
        return name
    pairs = list(_inside(task))
    if not pairs:
        return "nothing to spoil"
    name, inner_step = rng.choice(list(ELEMENT_STEPS.items()))
    inner_step(*rng.choice(pairs), rng)
    return name


def _inside(parent: Element) -> Iterator[tuple[Element, Element]]:
    """Yield each element inside ``parent``, after its own parent."""
    for child in parent:
        if isinstance(child.tag, str):
            yield parent, child
            yield from _inside(child)


def _secret(rng: Random) -> Element:
    """Return an element with a secret under its own name."""
    name = rng.choice(list(SECRETS))
    secret = Element(name)
    secret.text = SECRETS[name]
    return secret


def _double(parent: Element, child: Element, rng: Random) -> None:
    parent.insert(rng.randint(0, len(parent)), deepcopy(child))


def _nest(_parent: Element, child: Element, _rng: Random) -> None:
    inner = deepcopy(child)
    child.clear()
    child.text = inner.text if child.tag in SECRETS else None
    child.append(inner)


def _rename(_parent: Element, child: Element, rng: Random) -> None:
    is_secret = any(element.tag in SECRETS for element in child.iter())
    child.tag = "unheardOf" if is_secret else rng.choice(TAGS)


def _text(_parent: Element, child: Element, rng: Random) -> None:
    child.clear()
    child.text = values.xml_text(rng)


def _structure(_parent: Element, child: Element, rng: Random) -> None:
    """Put a structure, or a kind of list, in the place of text."""
    for _ in range(rng.randint(1, 3)):
        SubElement(child, rng.choice(("item", "value", *TAGS))).text = values.xml_text(rng)


def _attribute(_parent: Element, child: Element, rng: Random) -> None:
    child.set(rng.choice(("nil", "type", "xml:lang", "id")), rng.choice(("true", "x", *SECRETS.values())))


def _comment(_parent: Element, child: Element, rng: Random) -> None:
    child.insert(0, rng.choice((Comment, ProcessingInstruction))(SECRETS["uploadPolicy"]))


ELEMENT_STEPS: dict[str, Callable[[Element, Element, Random], None]] = {
    "drop": lambda parent, child, rng: parent.remove(child),
    "double": _double,
    "nest": _nest,
    "rename": _rename,
    "empty": lambda parent, child, rng: child.clear(),
    "text": _text,
    "structure": _structure,
    "misplaced secret": lambda parent, child, rng: rng.choice((parent, child)).insert(0, _secret(rng)),
    "attribute": _attribute,
    "comment": _comment,
}
"""Steps on an element; the first argument is its parent."""


def _set(task: Element, name: str, value: str) -> None:
    found = task.find(name)
    (SubElement(task, name) if found is None else found).text = value


def _time(_answer: Answer, task: Element, rng: Random) -> None:
    _set(task, rng.choice(("startTime", "updateTime")), values.to_xml(values.time(rng)))


def _repeat(answer: Answer, task: Element, rng: Random) -> None:
    repeated = answer.good if rng.random() < 0.3 else task
    if repeated is not None:
        answer.tasks.insert(rng.randint(0, len(answer.tasks)), deepcopy(repeated))


def _hollow(_answer: Answer, task: Element, rng: Random) -> None:
    task.clear()
    task.text = rng.choice((None, values.xml_text(rng)))


TASK_STEPS: dict[str, Callable[[Answer, Element, Random], None]] = {
    "task id": lambda answer, task, rng: _set(task, "bundleId", rng.choice((*IDS, values.xml_text(rng)))),
    "task state": lambda answer, task, rng: _set(task, "state", values.xml_text(rng)),
    "task time": _time,
    "task progress": lambda answer, task, rng: _set(task, "progress", values.xml_text(rng)),
    "task repeated": _repeat,
    "task hollow": _hollow,
}
