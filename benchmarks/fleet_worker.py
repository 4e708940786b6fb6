"""One execution environment of the recorder; each line of input is a batch.

It answers each with the handler's result, its processor time and its peak memory, as JSON.
"""

import json
import resource
import runpy
import sys
import time
from types import SimpleNamespace

from local.environments import ROOT


def main() -> None:
    """Run batches until the input ends."""
    output = sys.stdout
    sys.stdout = sys.stderr  # metrics and logs
    handler = runpy.run_path(str(ROOT / "functions" / "recorder" / "app.py"))["handler"]
    for number, line in enumerate(sys.stdin):
        messages = json.loads(line)
        event = {
            "Records": [
                {"messageId": str(at), "eventSource": "aws:sqs", "body": body} for at, body in enumerate(messages)
            ]
        }
        end = time.monotonic() + 300
        context = SimpleNamespace(
            function_name="recorder",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:recorder",
            aws_request_id=str(number),
            get_remaining_time_in_millis=lambda end=end: int((end - time.monotonic()) * 1000),
        )
        begun = time.process_time()
        result = handler(event, context)
        measured = {
            "failed": len(result["batchItemFailures"]),
            "cpu": time.process_time() - begun,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        print(json.dumps(measured), file=output, flush=True)


if __name__ == "__main__":
    main()
