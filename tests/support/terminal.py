"""The command line as a program that asks at a terminal."""

import os
import pty
import subprocess
import sys
from contextlib import suppress

from tests.support.cli import Said, environment, program

ON_ITS_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if sys.argv[1] == "piped":
    os.dup2(0, 9)  # else the terminal ends before the program opens it
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def typed(keys: str, *arguments: str, piped: bool = False, **more: str) -> tuple[Said, str]:
    """Answer the program's question with ``keys``; return its result and the question.

    Its outputs are not the terminal; if ``piped``, its input is not either.
    """
    master, slave = pty.openpty()
    command = [sys.executable, "-c", ON_ITS_TERMINAL, "piped" if piped else "", *program(*arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(**more), stdin=slave, text=True, **pipes) as child:  # type: ignore[call-overload]
        os.close(slave)
        question = ""
        with suppress(OSError):  # Linux reports so that the program has ended without asking
            while not question.endswith(": "):
                question += os.read(master, 1024).decode()
            os.write(master, keys.encode())
        out, err = child.communicate()
    os.close(master)
    return Said(child.returncode, out, err), question
