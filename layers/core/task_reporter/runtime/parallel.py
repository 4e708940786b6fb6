"""Requests that run at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
Result = TypeVar("Result")
MAX_THREADS = 8


def in_parallel(work: Callable[[Batch], Result], batches: Sequence[Batch]) -> list[Result]:
    """Run ``work`` on every batch, in threads if there are several.

    Raises the first error after all have ended.
    """
    if len(batches) == 1:
        return [work(batches[0])]
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        futures = [pool.submit(work, batch) for batch in batches]
    return [future.result() for future in futures]
