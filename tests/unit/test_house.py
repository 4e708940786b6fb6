"""Rules of the house: imports of the package, and words of one kind."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from local.environments import ROOT
from task_reporter.kinds.table import KINDS
from tests.support.cli import environment

PACKAGE = ROOT / "layers" / "core" / "task_reporter"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
DECIDES = {
    *(name for name in MODULES if name.startswith("task_reporter.kinds.")),
    *(f"task_reporter.recording.{name}" for name in ("projection", "transitions", "missing", "roster", "redrive")),
    *(
        f"task_reporter.notifying.{name}"
        for name in ("notice", "task_notice", "digest", "compose", "event", "chat", "shell_commands")
    ),
}
"""Modules that decide, and talk to no service."""
WORDS_OF_ONE_KIND = re.compile(r"\b(bundles?|manifests?|image_location|BundleTask\w*)\b", re.IGNORECASE)
HOME_OF_KINDS = ("layers/core/task_reporter/kinds/", "local/ec2/", "local/demo.py", "local/serve.py")
"""Descriptions of kinds, the local EC2, and its two users."""


@cache
def imports(name: str) -> frozenset[str]:
    """Modules that ``name`` imports; of other packages their names alone."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {str(node.module)}
    return frozenset(found)


@cache
def reached(name: str) -> frozenset[str]:
    """Return all direct and indirect imports of ``name``.

    Raises RecursionError where modules import in a circle.
    """
    direct = imports(name)
    return direct.union(*(reached(inner) for inner in direct & MODULES.keys()))


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert all(name not in reached(name) for name in MODULES)


@pytest.mark.parametrize(("half", "other"), [("recording", "notifying"), ("notifying", "recording")])
def test_recording_and_notifying_never_import_each_other(half: str, other: str) -> None:
    for name in MODULES:
        if name.startswith(f"task_reporter.{half}."):
            assert not [inner for inner in reached(name) if inner.startswith(f"task_reporter.{other}")], name


@pytest.mark.parametrize("name", sorted(DECIDES))
def test_what_decides_imports_no_client(name: str) -> None:
    assert not [inner for inner in reached(name) if re.match(r"boto|task_reporter\.(aws|runtime)\b", inner)]


def test_packages_import_nothing() -> None:
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            assert not imports(name), name


SHARED = {
    "task_reporter", "task_reporter.errors", "task_reporter.times",
    "task_reporter.aws", "task_reporter.aws.clients", "task_reporter.aws.failures", "task_reporter.aws.lists",
    "task_reporter.aws.request_limits", "task_reporter.aws.subscribers", "task_reporter.aws.tls",
    "task_reporter.history", "task_reporter.history.rows",
    "task_reporter.history.table", "task_reporter.history.writes",
    "task_reporter.kinds", "task_reporter.kinds.kind", "task_reporter.kinds.reasons", "task_reporter.kinds.table",
    *(f"task_reporter.kinds.{name.replace('-', '_')}" for name in KINDS),
    "task_reporter.runtime", "task_reporter.runtime.deadline", "task_reporter.runtime.metrics",
    "task_reporter.runtime.parallel", "task_reporter.runtime.settings", "task_reporter.texts",
}  # fmt: skip
RECORDING = {
    "task_reporter.history.backlog", "task_reporter.recording", "task_reporter.recording.context",
    "task_reporter.recording.list_result", "task_reporter.recording.metrics", "task_reporter.recording.missing",
    "task_reporter.recording.poll_lists", "task_reporter.recording.projection", "task_reporter.recording.recorder",
    "task_reporter.recording.redrive", "task_reporter.recording.roster", "task_reporter.recording.transitions",
    "task_reporter.recording.unreadable",
}  # fmt: skip
LOADED = {
    "recorder": SHARED | RECORDING | {"task_reporter.aws.regions"},
    "planner": SHARED | RECORDING | {
        "task_reporter.organization", "task_reporter.organization.assignment", "task_reporter.organization.directory",
        "task_reporter.organization.due", "task_reporter.organization.members", "task_reporter.organization.metrics",
        "task_reporter.organization.overdue", "task_reporter.organization.planner",
        "task_reporter.organization.planning", "task_reporter.organization.problems",
        "task_reporter.organization.regions",
    },
    "notifier": SHARED | {
        "task_reporter.notifying", "task_reporter.notifying.announce", "task_reporter.notifying.announce_result",
        "task_reporter.notifying.bus", "task_reporter.notifying.chat", "task_reporter.notifying.compose",
        "task_reporter.notifying.digest", "task_reporter.notifying.event", "task_reporter.notifying.marks",
        "task_reporter.notifying.notice", "task_reporter.notifying.pace", "task_reporter.notifying.shell_commands",
        "task_reporter.notifying.stream_batch", "task_reporter.notifying.task_notice", "task_reporter.notifying.topic",
    },
}  # fmt: skip
"""Function → the modules that it loads, each of which slows cold starts."""
LOAD = """
import runpy, sys
runpy.run_path(sys.argv[1])
print(*(name for name in sys.modules if name.partition(".")[0] == "task_reporter"))
"""


@pytest.mark.parametrize("function", LOADED)
def test_a_function_loads_only_what_it_uses(function: str) -> None:
    command = [sys.executable, "-c", LOAD, str(ROOT / "functions" / function / "app.py")]
    loaded = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) == LOADED[function]


def test_words_of_one_kind_occur_only_where_kinds_are_described() -> None:
    sources = [
        path.relative_to(ROOT)
        for folder in ("layers", "functions", "cli", "local")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".jinja", ".js", ".css"}
    ]
    assert len(sources) > 100
    found = {
        f"{path}: {word[0]}"
        for path in sources
        if not str(path).startswith(HOME_OF_KINDS)
        for word in WORDS_OF_ONE_KIND.finditer(Path(ROOT / path).read_text(encoding="utf-8"))
    }
    assert not found


QUESTION = re.compile(r"(What|Who|Whether|How)\b")
MAX_WORDS, MAX_TEST_NAME = 14, 60


def descriptions(tree: ast.AST) -> Iterator[str]:
    """Yield the first line of each docstring and each description of a name."""
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        if not isinstance(body, list):
            continue
        for before, statement in zip([node, *body], body, strict=False):
            match before, statement:
                case (
                    ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Assign()
                    | ast.AnnAssign(), ast.Expr(ast.Constant(str(text))),
                ):  # fmt: skip
                    yield text.splitlines()[0]


@pytest.mark.parametrize("folder", ["layers", "functions", "cli", "local", "benchmarks", "tests"])
def test_descriptions_and_test_names_are_short(folder: str) -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py")]
    first_lines = [line for tree in trees for line in descriptions(tree)]
    names = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert first_lines
    assert not [line for line in first_lines if len(line.split()) > MAX_WORDS or QUESTION.match(line)]
    assert not [name for name in names if name.startswith("test_") and len(name) > MAX_TEST_NAME]


def test_no_test_imports_from_the_module_of_another() -> None:
    imported = re.compile(r"^from tests\.\S*\.test_", re.MULTILINE)
    assert not [path for path in (ROOT / "tests").rglob("*.py") if imported.search(path.read_text(encoding="utf-8"))]
