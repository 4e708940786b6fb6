"""The README and the documents beside it, as the tests read them."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.session import Session

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "events" / "README.md"]
FLAGS = {
    "no-scan-index-forward": {"ScanIndexForward": False},
    "no-deletion-protection-enabled": {},
    "no-retain-stacks": {"RetainStacks": False},
}
OF_THE_CLI = {"query", "output", "max-items", "region", "cli-binary-format", "notification-endpoint"}
"""Options of the aws CLI itself."""
CUSTOM_COMMANDS = {
    ("cloudformation", "deploy"): ("stack-name", "template-file", "capabilities", "parameter-overrides"),
}
"""Commands of the aws CLI that are no operation → their options."""


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of ``document`` in ``language``."""
    fenced = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", document.read_text(), re.DOTALL | re.MULTILINE)
    return [text for named, text in fenced if named == language]


def commands(document: Path) -> list[list[str]]:
    """Return the aws commands of ``document``, each as a list of words."""
    indented = re.findall(r"^    (aws .*)$", document.read_text(), re.MULTILINE)
    joined = "\n".join([*blocks(document, "sh"), *indented]).replace("\\\n", " ")
    plain = (re.sub(r"^\w+=\$\((.*)\)$", r"\1", text, flags=re.DOTALL) for text in statements(joined.splitlines()))
    return [shlex.split(text) for text in plain if text.startswith("aws ")]


def statements(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of a text in quotes, and yield each statement."""
    text = ""
    for line in lines:
        text = f"{text}\n{line}" if text else line
        try:
            shlex.split(text, comments=True)
        except ValueError:  # a quote is still open
            continue
        yield text
        text = ""


def options(words: list[str]) -> Iterator[tuple[str, str | None]]:
    """Yield the options of a command: name, and value or None."""
    rest = words[3:]
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            yield word[2:], rest.pop(0) if rest and not rest[0].startswith("--") else None


def members(service: str, operation: str) -> dict[str, str]:
    """Return an operation's own options: option of the aws CLI → botocore's member."""
    if (service, operation) in CUSTOM_COMMANDS:
        return {option: option for option in CUSTOM_COMMANDS[service, operation]}
    model = Session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape: Any = model.operation_model(names[operation]).input_shape
    return {xform_name(member, "-"): member for member in shape.members}


def request(words: list[str], variables: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of a command's API call; ``variables`` are its shell variables."""
    service, operation = words[1:3]
    named = members(service, operation)
    parameters: dict[str, Any] = {}
    for option, value in options(words):
        if option in FLAGS:
            parameters |= FLAGS[option]
        elif option in named and value is not None:
            text = variables.get(value, value)
            parameters[named[option]] = json.loads(text) if text.startswith(("{", "[")) else text
    return parameters
