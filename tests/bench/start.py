"""One cold start of a function: from here to its first answer.

Run as Lambda would: the function's folder and the layer's on the path, nothing of this project beside them, and no
bytecode written, because both are mounted read-only. The process ends at once after the answer, which goes to standard
output.
"""

import json
import os
import sys
from types import SimpleNamespace

CONTEXT = SimpleNamespace(
    function_name="bench",
    function_version="$LATEST",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-west-1:000000000000:function:bench",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: 60_000,
)


def main(task: str, library: str, event: str) -> None:
    """Start the function in ``task`` with the layer in ``library`` and send it the JSON in the file ``event``."""
    sys.dont_write_bytecode = True
    sys.path[:1] = [task, library]
    import app

    with open(event) as file:
        asked = json.load(file)
    answer = app.handler(asked, CONTEXT)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
