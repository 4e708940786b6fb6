"""``python -m benchmarks``: every bench, or those that are named."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.place import place
from benchmarks.screen import show
from local.environments import ROOT
from local.process_environment import isolated_environment
from local.screen import Screen, run_with_screen

BENCHES = {
    "cold": "cold",
    "lambda": "emulator",
    "poll": "polls",
    "parse": "parsing",
    "notices": "telling",
    "cost": "costing",
    "capture": "capture",
    "list": "listing",
    "report": "reporting",
    "organization": "organization",
}
"""Each bench and its module."""
RESULTS = ROOT / ".local" / "bench.json"


def main(arguments: list[str]) -> int:
    """Return 0 if everything could be measured, whatever the figures are.

    They depend on the machine.
    """
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := set(asked.benches) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    _only_this_machine()
    return run_with_screen(lambda screen: _story(asked, screen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the project beside others.")
    parser.add_argument("benches", nargs="*", metavar="bench", help=f"of {', '.join(BENCHES)}; none is all")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="where to write every measurement")
    parser.add_argument("--rows", type=int, default=100_000, help="how large a history (%(default)s)")
    parser.add_argument("--pairs", type=int, default=10, help="how often what is quickly done (%(default)s)")
    return parser


def _story(asked: argparse.Namespace, screen: Screen) -> None:
    told = {"Python": platform.python_version(), "machine": f"{os.cpu_count()} × {platform.machine()}"}
    figures = _measured(asked, screen, told)
    show(figures, told)
    _write(asked.json, figures, told)
    screen.say(f"\nEvery measurement: {asked.json}")


def _measured(asked: argparse.Namespace, screen: Screen, told: dict[str, str]) -> list[Figure]:
    modules = [import_module(f"benchmarks.{BENCHES[name]}") for name in asked.benches or BENCHES]
    with tempfile.TemporaryDirectory(prefix="ec2-task-reporter-bench-") as folder, place(Path(folder)) as here:
        told["engine"] = here.engine.name
        bench = Bench(screen, Path(folder), asked.rows, asked.pairs, here, told)
        return [figure for module in modules for figure in module.measure(bench)]


def _only_this_machine() -> None:
    """Remove everything that points at an AWS account or a proxy."""
    ours = isolated_environment() | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.clear()
    os.environ.update(ours)


def _write(file: Path, figures: list[Figure], told: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    result = {"facts": told, "figures": [figure.plain() for figure in figures]}
    file.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
