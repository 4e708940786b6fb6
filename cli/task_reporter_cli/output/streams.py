"""Standard streams: closed, full or oddly encoded ones give one line of error."""

import codecs
import errno
import io
import os
import sys
from typing import TextIO

SUBSTITUTES = {"✓": "+", "✗": "x", "→": ">", "…": "..."}
"""Characters of ours → their stand-ins on a terminal that lacks them."""
ERROR_HANDLER = "task-reporter"
"""The name of the error handler below."""


class ClosedStream(io.TextIOBase):
    """A closed standard output (``>&-``), on which only an answer's first line fails."""

    def write(self, _text: str) -> int:
        """Raise OSError, as the system does where a file is not open."""
        raise OSError(errno.EBADF, "standard output is closed")


def prepare_streams() -> None:
    """Make both streams usable.

    Files and pipes get UTF-8 whatever the locale is; a terminal with fewer characters gets stand-ins for ours, and
    ``?`` for others.
    """
    # Python has None for a stream that is closed: https://docs.python.org/3/library/sys.html#sys.__stdout__
    sys.stdout = sys.stdout or ClosedStream()
    sys.stderr = sys.stderr or io.StringIO()
    codecs.register_error(ERROR_HANDLER, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A parent such as Node may have left a pipe non-blocking: Python would lose what a full one can't take.
            os.set_blocking(stream.fileno(), True)
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=ERROR_HANDLER)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SUBSTITUTES.get(char, "?") for char in error.object[error.start : error.end]), error.end


def discard_unwritten(stream: TextIO) -> None:
    """Discard unwritable output, which the interpreter would try to flush again at exit."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
