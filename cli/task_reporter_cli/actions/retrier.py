"""Ask for something until it is there, through transient faults, for a limited time."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from itertools import chain, repeat
from threading import Thread
from typing import TypeVar

from task_reporter_cli.aws.explanations import explain
from task_reporter_cli.aws.faults.transient import is_transient
from task_reporter_cli.output.lines import print_note
from task_reporter_cli.time_formats import format_seconds

PAUSES = (5, 10, 20, 40)
MAX_PAUSE = 60
"""Seconds between two attempts while a fault lasts; each client retries too."""
MIN_WAIT = 1.0
"""Seconds that the last answer is waited for in any case.

So the time can end with a question.
"""

Result = TypeVar("Result")


class OutOfTimeError(Exception):
    """The time was over before there was an answer.

    ``fault`` says why there was none, if that is known.
    """

    def __init__(self, fault: Exception | None) -> None:
        super().__init__("the time is over")
        self.fault = fault

    def __str__(self) -> str:
        return explain(self.fault) if self.fault else "AWS did not answer in time"


class Retrier:
    """A time in which to ask; endless without ``seconds``, one question with 0.

    ``say`` is given a sentence when a fault begins, and one when it is over. Time in which the machine sleeps does not
    count where ``clock`` does not count it, as Python's on Linux and macOS.
    """

    def __init__(
        self,
        seconds: float | None,
        say: Callable[[str], None] = print_note,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notify = say
        self._sleep = pause
        self._clock = clock
        self._seconds = seconds
        self._start = clock()

    @property
    def remaining(self) -> float:
        """Seconds that are left, infinite where there is no end."""
        if self._seconds is None:
            return float("inf")
        return max(0.0, self._seconds - (self._clock() - self._start))

    def pause(self, seconds: float) -> None:
        """Pause for ``seconds``, but not for longer than there is time."""
        self._sleep(min(seconds, self.remaining))

    def call(self, question: Callable[[], Result], may_prompt: bool = False) -> Result:
        """Ask until there is an answer.

        A question that ``may_prompt`` a person is not broken off, which would leave the terminal without its echo.
        Raises TimeOverError, and what ``question`` raises where that can't pass by itself.
        """
        fault: Exception | None = None
        began = self._clock()
        for pause in chain(PAUSES, repeat(MAX_PAUSE)):
            try:
                answer = question() if may_prompt or not self._seconds else self._call_in_time(question, fault)
            except Exception as error:
                if not is_transient(error):
                    raise
                is_new, fault = fault is None, error
                if not self.remaining:
                    break
                if is_new:
                    self._notify(f"{explain(error)}. It is tried again until this is over.")
                self.pause(pause)
            else:
                if fault:
                    self._notify(f"That is over, after {format_seconds(int(self._clock() - began))}.")
                return answer
        raise OutOfTimeError(fault)

    def _call_in_time(self, question: Callable[[], Result], fault: Exception | None) -> Result:
        future = start_in_thread(question)
        wait([future], max(self.remaining, MIN_WAIT))
        if not future.done():
            raise OutOfTimeError(fault)
        return future.result()


def start_in_thread(question: Callable[[], Result]) -> Future[Result]:
    """Ask in a separate thread, which does not delay the end of the process."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(question())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
