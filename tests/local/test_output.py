"""Tests of the encodings and the output of the programs in ``local``."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stacks import print_error
from tests.support.cli import ROOT, environment

OURS = sorted(path for folder in ("cli", "functions", "layers", "local") for path in (ROOT / folder).rglob("*.py"))


def calls_without_encoding(module: Path) -> Iterator[str]:
    """Yield the calls in ``module`` that use the locale's encoding."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            named = {keyword.arg for keyword in node.keywords}
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            is_text = name in ("read_text", "write_text") or (name in ("run", "Popen") and "text" in named)
            if is_text and "encoding" not in named:
                yield f"{module.relative_to(ROOT)}:{node.lineno}"


def test_no_text_is_read_in_the_locales_encoding() -> None:
    assert OURS
    assert [place for module in OURS for place in calls_without_encoding(module)] == []


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_screen_writes_utf8_in_any_locale(encoding: str) -> None:
    code = (
        "from local.screen import run_with_screen as run; raise SystemExit(run(lambda screen: screen.say('✓ é漢 …')))"
    )
    env = environment(PYTHONIOENCODING=encoding)
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=False)
    assert (result.returncode, result.stdout.decode(), result.stderr) == (0, "✓ é漢 …\n", b"")


def test_control_characters_of_aws_are_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("the stack is \x1b[2J\x9b31m\u202e\n  aws cloudformation delete-stack")
    assert capsys.readouterr().err == "error: the stack is �[2J�31m�\n  aws cloudformation delete-stack\n"
