"""Answers of AWS that come in pages, each but the last with a ``NextToken``."""

from collections.abc import Callable, Iterator
from typing import Any


def paginate(ask: Callable[..., Any]) -> Iterator[Any]:
    """Yield every page of ``ask``, which takes ``NextToken`` from the second on.

    Raises botocore's errors.
    """
    answer = ask()
    yield answer
    while token := answer.get("NextToken"):
        answer = ask(NextToken=token)
        yield answer
