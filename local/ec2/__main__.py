"""``python -m local.ec2``: the local EC2 as a program of its own."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from local.ec2.server import Ec2Server

EXAMPLE = """\
example, a bundle task in half a minute:
  python -m local.ec2 --port 4567 --speed 60 &
  export AWS_ENDPOINT_URL_EC2=http://127.0.0.1:4567
  aws ec2 bundle-instance --instance-id i-1234567890abcdef0 --storage S3='{Bucket=my-bucket,Prefix=winami}'
  aws ec2 describe-bundle-tasks

A bucket whose name starts with no-such-bucket makes the task fail.
"""


def parser() -> argparse.ArgumentParser:
    """Parse the command line."""
    made = argparse.ArgumentParser(
        prog="python -m local.ec2",
        description="A local stand-in for EC2's bundle tasks, on 127.0.0.1 only.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--port", type=int, default=4567, help="0 takes a free one (default: %(default)s)")
    made.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="divides all durations; 1 is EC2's pace (default: %(default)s)",
    )
    made.add_argument(
        "--listed-for",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="how long a finished task stays listed, before --speed divides it (default: %(default)s)",
    )
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; exit with a line on standard error where that can't start."""
    options = parser().parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        ec2 = Ec2Server(options.port, speed=options.speed, listed_for=options.listed_for)
        ec2.start()
    except (OSError, OverflowError, ValueError) as error:
        sys.exit(f"local EC2 can't start: {error}")
    print(f"local EC2 on {ec2.url}", flush=True)
    stopped.wait()
    ec2.stop()


if __name__ == "__main__":
    main()
