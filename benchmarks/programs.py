"""Whole programs from start to exit, installed from wheels, compiled to bytecode."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.environments import ROOT, environment_folder, program_path
from local.process_environment import isolated_environment
from local.processes import StepError, run_step

CHILD = Path(__file__).with_name("child.py")
WHEEL_OF = ("pyproject.toml", "README.md", "LICENSE", "layers/core", "cli")
QUIETLY = ("--quiet", "--disable-pip-version-check", "--no-deps")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program: wall-clock and processor ``seconds``, bytes held at its ``peak``."""

    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Shell:
    """Where programs run: their ``environment``, and a ``folder`` for what they print."""

    environment: Mapping[str, str]
    folder: Path

    def run(self, *command: str) -> Run:
        """Run it to its end.

        Raises StepError, which shows its standard error.
        """
        child = [sys.executable, "-I", "-S", str(CHILD), str(self.folder), *command]
        run_step(" ".join(command), child, self.environment, self.folder, self.folder / "programs.log")
        return Run(**json.loads((self.folder / "measured.json").read_text()))

    def said(self, *command: str) -> str:
        """Return its standard output.

        Raises StepError.
        """
        self.run(*command)
        return (self.folder / "output").read_text()


def install(scratch: Path) -> None:
    """Install the project's present code into the environment ``bench-cli``.

    pip builds a wheel and installs it.

    Built from a copy, because setuptools leaves files where it builds. Raises StepError.
    """
    source, wheels = scratch / "source", scratch / "wheels"
    for name in WHEEL_OF:
        _copy(ROOT / name, source / name)
    _pip(scratch, "wheel", *QUIETLY, "--no-build-isolation", "--wheel-dir", str(wheels), str(source))
    (wheel,) = wheels.glob("*.whl")
    into = ("--python", program_path("bench-cli", "python"))
    _pip(scratch, *into, "install", *QUIETLY, "--force-reinstall", str(wheel))
    for environment in ("bench", "bench-cli"):
        _must_be_compiled(environment)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target)


def _pip(scratch: Path, *arguments: str) -> None:
    pip = [program_path("project", "python"), "-m", "pip", *arguments]
    run_step(f"pip {arguments[0]}", pip, isolated_environment(), scratch, scratch / "pip.log")


def _must_be_compiled(environment: str) -> None:
    """Raise StepError for an environment without bytecode, whose compiling would be measured."""
    (packages,) = environment_folder(environment).glob("lib/python*/site-packages")
    compiled = {path.name.split(".")[0] for path in packages.rglob("__pycache__/*.pyc")}
    missing = [path for path in packages.rglob("*.py") if path.stem not in compiled]
    if len(missing) > len(compiled) / 10:
        raise StepError("looking for bytecode", f"{packages} is not compiled; make it anew, as with make clean")
