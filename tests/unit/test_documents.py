"""What the documents say is so: commands, parameters, attributes, emails, links."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from task_reporter.rows import TOLD
from task_reporter.single import notice
from tests.documents import DOCUMENTS, FLAGS, OF_THE_CLI, ROOT, blocks, commands, members, options
from tests.template import template

README = ROOT / "README.md"
EMAILS = ROOT / "tests" / "unit" / "cases" / "emails"
AWS_COMMANDS = [(document, words) for document in DOCUMENTS for words in commands(document)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z]+)", document.read_text(), re.MULTILINE))
    assert named <= targets


def test_the_makefile_has_a_line_of_help_for_each_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):", text, re.MULTILINE)
    assert targets == re.findall(r"^([a-z]+):.*## .", text, re.MULTILINE)


@pytest.mark.parametrize(("document", "words"), AWS_COMMANDS, ids=[" ".join(words[1:3]) for _, words in AWS_COMMANDS])
def test_every_aws_command_is_one(document: Path, words: list[str]) -> None:
    known = {*members(*words[1:3]), *FLAGS, *OF_THE_CLI}
    assert [option for option, _ in options(words) if option not in known] == []


def test_there_are_aws_commands() -> None:
    assert len(AWS_COMMANDS) >= 8


def test_the_parameters_are_the_templates() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`|none) \|", README.read_text(), re.MULTILINE)
    parameters = {name: str(parameter.get("Default", "")) for name, parameter in template()["Parameters"].items()}
    assert dict(rows) == parameters


def test_the_email_is_the_one_that_is_sent() -> None:
    [shown] = [block for block in blocks(README, "") if block.startswith("Subject: ")]
    assert (EMAILS / "complete.txt").read_text().startswith(shown)


def test_the_json_is_what_machines_get() -> None:
    shown = json.loads(blocks(ROOT / "docs" / "notices.md", "json")[0])
    row: dict[str, Any] = {name: value for name, value in shown.items() if name in TOLD}
    assert notice(row).data == shown
    assert list(notice(row).data) == list(shown)


def test_every_attribute_that_is_told_is_explained() -> None:
    text = (ROOT / "docs" / "history.md").read_text()
    explained = {name for cell in re.findall(r"^\| (`.*?`) \| [SN] \|", text, re.MULTILINE) for name in cell.split("`")}
    assert {*TOLD, "awaiting", "awaiting_since", "notified_at", "expires_at"} <= explained


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.is_file(), target
        headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", linked.read_text(), re.M)}
        assert not anchor or anchor in headings, target


def test_the_readme_is_read_in_five_minutes() -> None:
    prose = re.sub(r"^```.*?^```$", "", README.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert len(prose.split()) < 1200


def test_a_release_is_the_same_everywhere() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert template()["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"] == version[1]
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()
    assert f'__version__ = "{version[1]}"' in (ROOT / "layers/core/task_reporter/__init__.py").read_text()
