"""Steps that rewrite an answer without effect, or leave no answer."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from xml.etree.ElementTree import Element, SubElement, fromstring, indent

from tests.campaigns.hostile import ugly
from tests.campaigns.hostile.answers import BYTES, LIST, NAMESPACE, SECRETS, Answer

PROLOGS = (
    b'<?xml version="1.0" encoding="ISO-8859-1"?>', b"\xef\xbb\xbf", b'<?xml version="1.0"?>\n<!-- a comment -->\n',
    b'<?xml version="1.0" standalone="yes"?><?php evil ?>',
)  # fmt: skip
EVIL_PROLOGS = (
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
STATUSES = (201, 204, 299, 300, 301, 304, 400, 403, 404, 412, 413, 429, 500, 503)


def rewrite(answer: Answer, rng: Random) -> str:
    """Write the same in another way; the step's name."""
    how = rng.choice(("namespace", "shuffled", "sibling", "prolog", "indented"))
    if how == "namespace":
        answer.root.set("xmlns", rng.choice((NAMESPACE, "urn:another", "http://ec2.amazonaws.com/doc/2099-01-01/")))
    elif how == "shuffled":
        rng.shuffle(shuffled := list(answer.tasks))
        answer.tasks[:] = shuffled
    elif how == "sibling":
        answer.root.insert(rng.randint(0, len(answer.root)), deepcopy(Element("nextToken")))
    elif how == "prolog":
        answer.prolog = rng.choice(PROLOGS)
    else:
        indent(answer.tasks)
    return how


def break_(answer: Answer, rng: Random) -> str:
    """Break it; the step's name."""
    answer.is_whole = False
    name, step = rng.choice(list(BREAKS.items()))
    step(answer, rng)
    return name


def _list_is_text(answer: Answer, rng: Random) -> None:
    answer.tasks.clear()
    answer.tasks.text = ugly.xml_text(rng).strip() or "text"


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
    inner = deepcopy(answer.tasks)
    answer.tasks[:] = [inner]


def _list_wrapped(answer: Answer, _rng: Random) -> None:
    inner = deepcopy(answer.root)
    answer.root[:] = [inner]


def _items_renamed(answer: Answer, rng: Random) -> None:
    for item in answer.tasks:
        item.tag = rng.choice(("member", "Item", "task"))


def _another_root(answer: Answer, rng: Random) -> None:
    answer.root = fromstring(rng.choice(("<html><body>Sign in</body></html>", "<a/>", f"<{LIST}/>")))


def _deep(answer: Answer, rng: Random) -> None:
    at = answer.root if rng.random() < 0.5 else answer.tasks
    for _ in range(rng.choice((90, 400))):
        at = SubElement(at, "item")


def _refusal(answer: Answer, rng: Random) -> None:
    code = rng.choice(("RequestLimitExceeded", "InternalError", "UnauthorizedOperation", "", "x" * 3000))
    text = rng.choice(REFUSALS).format(code, "&lt;message&gt;")
    answer.root = fromstring(text)
    answer.status = rng.choice((200, *STATUSES))


def _status(answer: Answer, rng: Random) -> None:
    answer.status = rng.choice(STATUSES)


def _bytes(answer: Answer, rng: Random) -> None:
    how = rng.choice(list(BYTES))
    # What lands inside the good task's own text may change it, and still be an answer.
    answer.is_legible = answer.is_legible and how in ("truncated", "utf-16")
    answer.spoil.append(how)


def _evil_prolog(answer: Answer, rng: Random) -> None:
    answer.prolog = rng.choice(EVIL_PROLOGS)


def _secret_outside(answer: Answer, rng: Random) -> None:
    name = rng.choice(list(SECRETS))
    SubElement(rng.choice((answer.root, answer.tasks)), name).text = SECRETS[name]


BREAKS: dict[str, Callable[[Answer, Random], None]] = {
    step.__name__.strip("_").replace("_", " "): step
    for step in (
        _list_is_text, _text_in_list, _list_renamed, _list_doubled, _list_nested, _list_wrapped, _items_renamed,
        _another_root, _deep, _refusal, _status, _bytes, _bytes, _evil_prolog, _secret_outside,
    )
}  # fmt: skip
