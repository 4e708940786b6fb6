"""One run of a function: from its process's start to its last answer.

Run as Lambda would: the function's folder and the layer's on the path, nothing of this project beside them, and no
bytecode written, because both are mounted read-only. What each step took goes to standard output as its last line.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

CONTEXT = SimpleNamespace(
    function_name="bench",
    function_version="$LATEST",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:bench",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: 300_000,
)


def main(task: str, library: str, events: str) -> None:
    """Start the function in ``task``, and send it each event of a file.

    ``library`` is the layer, ``events`` a file with a JSON list.

    The first step is the start of the function, each other one an answer.
    """
    sys.dont_write_bytecode = True
    sys.path[:1] = [task, library]
    with open(events) as file:
        asked = json.load(file)
    begun = taken()
    import app

    steps = [spent(begun)]
    for event in asked:
        begun = taken()
        app.handler(event, CONTEXT)
        steps.append(spent(begun))
    sys.stdout.write("\n" + json.dumps(steps) + "\n")
    sys.stdout.flush()
    os._exit(0)


def taken() -> tuple[float, float]:
    """Wall-clock and processor seconds so far."""
    return time.perf_counter(), time.process_time()


def spent(begun: tuple[float, float]) -> dict[str, float]:
    """Return the seconds since ``begun``."""
    return dict(zip(("seconds", "cpu"), (now - then for now, then in zip(taken(), begun, strict=True)), strict=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
