"""The local EC2 as a program: ``python -m local.ec2``."""

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

A bucket whose name starts with no-such-bucket makes the task fail. So do, in other lists, an imported disk whose key
ends with .txt, a snapshot for a root volume whose id starts with snap-bad, and credentials of a Mac with the word
wrong.
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.ec2",
        description="A local stand-in for EC2's task lists, on 127.0.0.1 only.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=4567, help="port; 0 means any free port (default: %(default)s)")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="divides all durations; 1 is the speed of EC2 (default: %(default)s)",
    )
    parser.add_argument(
        "--listed-for",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="minutes for which a finished task stays listed, before --speed divides them (default: %(default)s)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; exit with one line if that fails."""
    options = make_parser().parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        ec2 = Ec2Server(options.port, speed=options.speed, listed_for=options.listed_for)
        ec2.start()
    except (OSError, OverflowError, ValueError) as error:
        sys.exit(f"the local EC2 cannot start: {error}")
    print(f"local EC2 on {ec2.url}", flush=True)
    stopped.wait()
    ec2.stop()


if __name__ == "__main__":
    main()
