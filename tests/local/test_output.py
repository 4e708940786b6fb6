"""What the programs in ``local`` write: files, and lines on terminals of any kind."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stacks import print_error
from tests.support.cli import ROOT, environment

OURS = sorted(path for folder in ("cli", "functions", "layers", "local") for path in (ROOT / folder).rglob("*.py"))


def in_the_locales_encoding(module: Path) -> Iterator[str]:
    """The calls in ``module`` that read or write text as the locale wants it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            named = {keyword.arg for keyword in node.keywords}
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            is_text = name in ("read_text", "write_text") or (name in ("run", "Popen") and "text" in named)
            if is_text and "encoding" not in named:
                yield f"{module.relative_to(ROOT)}:{node.lineno}"


def test_no_file_and_no_program_is_read_in_the_locales_encoding() -> None:
    assert OURS
    assert [place for module in OURS for place in in_the_locales_encoding(module)] == []


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_story_is_told_whatever_the_encoding_is(encoding: str) -> None:
    code = (
        "from local.screen import run_with_screen as run; raise SystemExit(run(lambda screen: screen.say('✓ é漢 …')))"
    )
    env = environment(PYTHONIOENCODING=encoding)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "✓ é漢 …\n", b"")


def test_texts_of_aws_are_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("the stack is \x1b[2J\x9b31m\u202e\n  aws cloudformation delete-stack")
    assert capsys.readouterr().err == "error: the stack is �[2J�31m�\n  aws cloudformation delete-stack\n"
