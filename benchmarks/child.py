"""Run a program and write its time and peak memory as JSON.

A process of its own, and a small one: what a program's parent held when it started it counts as the program's own peak,
and a large parent takes long to fork. Standard library only, so that it stays small.
"""

import json
import os
import sys
import time


def main(folder: str, command: list[str]) -> int:
    """Run ``command``; its exit status is ours.

    Its standard output goes to the file ``output`` in ``folder``, what was measured to ``measured.json``.
    """
    out = os.open(f"{folder}/output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    with open(f"{folder}/measured.json", "w") as file:
        json.dump({"seconds": seconds, "cpu": cpu, "peak": peak}, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
