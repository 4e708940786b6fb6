"""Requests that need not wait for one another."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class OneAfterAnother(Executor):
    """Does each work as it comes, with no thread."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The work's result, or its error, which is raised where the result is asked for."""
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


IN_TURN = OneAfterAnother()
