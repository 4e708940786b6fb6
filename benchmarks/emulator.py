"""Cold starts under AWS's Runtime Interface Emulator, with Lambda's own runtime interface for Python.

The emulator tells how long a function initialises; what a caller waits for is that and the first answer.
https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

import json
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.ec2_lists import known, listed
from benchmarks.engine import filled
from benchmarks.figures import Figure, figure, in_turns
from benchmarks.place import Place
from benchmarks.programs import Shell
from benchmarks.sides import AGAINST, Side, both, interpreter
from benchmarks.streams import batch, waiting
from local.environments import environment_folder
from local.processes import StepError, find_free_port, running_process

SERVED = Path(__file__).with_name("served.py")
INVOKE = "/2015-03-31/functions/function/invocations"
INITIALISED = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
PAIRS = 3
PATIENCE = 30
LISTED = 10
"""Tasks that EC2 lists."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Milliseconds: initialisation, and the whole time of the first invocation."""

    initialised: float
    answered: float


def measure(bench: Bench) -> Iterator[Figure]:
    """Yield the figures; raises StepError."""
    ours, theirs = both(bench)
    here = bench.place
    for function in ("recorder", "notifier"):
        with bench.screen.step("emulator", f"{PAIRS} pairs of the {function}"):
            start = partial(_start, here, *_asked(function))
            pairs = in_turns(partial(start, ours), partial(start, theirs), PAIRS)
        yield figure(f"{function} initialises, emulator", "ms", pairs, lambda one: one.initialised, AGAINST)
        yield figure(f"{function}'s first answer, emulator", "ms", pairs, lambda one: one.answered, AGAINST)


def _asked(function: str) -> tuple[str, dict[str, Any]]:
    """Return the function's name, and the event that it gets."""
    event = {} if function == "recorder" else batch(list(map(waiting, known(1))))
    return f"{function.capitalize()}Function", event


def _start(here: Place, function: str, event: dict[str, Any], side: Side) -> Answered:
    table = filled(here.engine, map(waiting, known(1)) if event else [])
    with here.shell(table, listed(LISTED), tls=True) as shell:
        return _first_answer(side, function, event, shell)


def _first_answer(side: Side, function: str, event: dict[str, Any], shell: Shell) -> Answered:
    log, port, api = shell.folder / f"{function}-{time.monotonic_ns()}.log", find_free_port(), find_free_port()
    task, library = side.folder / function, side.folder / side.layer / "python"
    emulator = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    emulator += ["--runtime-api-address", f"127.0.0.1:{api}"]
    command = [str(_emulator()), *emulator, interpreter(), "-I", "-S", "-B", str(SERVED)]
    command += [str(task), str(library), str(_runtime())]
    with running_process(command, {**shell.environment, "LAMBDA_TASK_ROOT": str(task)}, shell.folder, log):
        seconds = _invoke(port, event, log)
        told = INITIALISED.search(log.read_text(errors="replace"))
    if told is None:
        raise StepError("the emulator", log.read_text(errors="replace"))
    return Answered(float(told[1]), seconds * 1000)


def _invoke(port: int, event: dict[str, Any], log: Path) -> float:
    """Return the seconds until the function answered.

    The emulator begins to listen a moment after its start.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        connection, begun = HTTPConnection("127.0.0.1", port, timeout=PATIENCE), time.perf_counter()
        try:
            connection.request("POST", INVOKE, json.dumps(event))
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException):
            time.sleep(0.02)
            continue
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK or b"errorType" in said:
            raise StepError("the function", f"{said!r}\n{log.read_text(errors='replace')}")
        return time.perf_counter() - begun
    raise StepError("the emulator", log.read_text(errors="replace"))


def _emulator() -> Path:
    """Return the SAM CLI brings it along."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return _in_environment("sam", f"samcli/local/rapid/aws-lambda-rie-{machine}")


def _runtime() -> Path:
    return _in_environment("bench-lambda", "awslambdaric").parent


def _in_environment(name: str, path: str) -> Path:
    found = list(environment_folder(name).glob(f"lib/python*/site-packages/{path}"))
    if not found:
        raise StepError("looking for the emulator", f"there is no {path} in the environment {name}")
    return found[0]
