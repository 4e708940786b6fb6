"""Runs many cases side by side, and makes the first that fails small."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from typing import cast

from tests.campaigns.hostile.case import Case, Family, numbered, smallest

SHARES = {"ec2_answers": 0.7, "stream_events": 0.2, "history_rows": 0.1}
"""Each family, and its share of all cases."""
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some cases of one family, by number."""

    family: str
    seed: int
    numbers: range


@dataclass(slots=True)
class Done:
    """What came of some cases of one family; ``broken`` is the first that failed."""

    family: str
    cases: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    broken: Case | None = None


def family(name: str) -> Family:
    """The family of that name: a module here."""
    return cast(Family, import_module(f"tests.campaigns.hostile.{name}"))


def chunks(cases: int, seed: int) -> list[Chunk]:
    """``cases`` of all families, each its share."""
    return [
        Chunk(name, seed, range(start, min(start + AT_ONCE, round(cases * share))))
        for name, share in SHARES.items()
        for start in range(0, round(cases * share), AT_ONCE)
    ]


def run(chunk: Chunk) -> Done:
    """Every case of ``chunk``, up to one that fails."""
    tested, done = family(chunk.family), Done(chunk.family)
    for number in chunk.numbers:
        case = numbered(chunk.family, chunk.seed, number)
        done.cases += 1
        try:
            done.counts += tested.check(tested.build(case))
        except Exception:
            done.broken = case
            break
    return done


def run_all(todo: list[Chunk], cores: int, told: Callable[[int], None]) -> Iterator[Done]:
    """Every chunk, on so many cores; ``told`` hears how many cases are done. Ends with one that is broken."""
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        running: list[Future[Done]] = [pool.submit(run, chunk) for chunk in todo]
        for future in as_completed(running):
            done = future.result()
            told(done.cases)
            yield done
            if done.broken:
                pool.shutdown(cancel_futures=True)
                return


def failure(case: Case) -> str | None:
    """How ``case`` fails, with the trace; None where it does not."""
    tested = family(case.family)
    try:
        tested.check(tested.build(case))
    except Exception:
        return traceback.format_exc(limit=-6)
    return None


def reproduction(case: Case) -> str:
    """The smallest case that fails as ``case`` does, as a command, with what it is made of and how it fails."""
    last = _last_line(failure(case))
    small = smallest(case, lambda less: _last_line(failure(less)) == last)
    tested = family(small.family)
    shown = tested.show(tested.build(small))
    return f"python -m tests.campaigns.hostile --case {small}\n\n{shown}\n\n{failure(small)}"


def _last_line(trace: str | None) -> str:
    """What kind of failure it is: the error's type and the beginning of what it says."""
    return trace.strip().splitlines()[-1][:60] if trace else ""
