"""The estimate as text and as data."""

from collections.abc import Iterator, Sequence
from typing import Any

from task_reporter_cli.estimate import prices
from task_reporter_cli.estimate.calls import Calls, Workload, list_calls, other_calls
from task_reporter_cli.estimate.costs import ASSUMPTIONS, Cost, hub_costs

Line = tuple[str, ...]


def calculate(work: Workload) -> tuple[list[Calls], list[Cost]]:
    """Return the calls in member accounts, and the costs of the hub."""
    lists, others = list_calls(work), list(other_calls(work))
    return lists + others, hub_costs(work, lists + others[:1])


def to_data(work: Workload) -> dict[str, Any]:
    """Return the estimate for JSON; dollars and counts are a month's."""
    calls, costs = calculate(work)
    return {
        "accounts": work.accounts,
        "regions": work.regions,
        "kinds": work.kinds,
        "hot": work.hot,
        "quiet_minutes": work.quiet.total_seconds() / 60,
        "schedule_minutes": work.every.total_seconds() / 60,
        "ec2_calls": round(sum(each.count for each in calls[:-1])),
        "events": round(sum(each.events for each in calls)),
        "guardduty_dollars": _cents(sum(each.guardduty for each in calls)),
        "second_trail_dollars": _cents(sum(each.trail for each in calls)),
        "hub_dollars": _cents(sum(each.dollars for each in costs)),
        "calls": [
            {
                "part": each.part,
                "count": round(each.count),
                "events": round(each.events),
                "guardduty_dollars": _cents(each.guardduty),
                "second_trail_dollars": _cents(each.trail),
                "why": each.why,
            }
            for each in calls
        ],
        "hub": [{"part": each.part, "dollars": _cents(each.dollars), "why": each.why} for each in costs],
        "assumptions": list(ASSUMPTIONS),
        "prices": [
            {"dollars": price.dollars, "units": price.units, "unit": price.unit, "source": price.source}
            for price in prices.OF_HUB
        ],
        "prices_as_of": f"{prices.REGION}, {prices.AS_OF}",
    }


def _cents(dollars: float) -> float:
    return round(dollars, 2)


def to_lines(work: Workload) -> Iterator[str]:
    """Yield the lines of the estimate for people."""
    calls, costs = calculate(work)
    yield (
        f"{work.accounts:,} accounts × {work.regions} regions × {work.kinds} lists = {work.lists:,} lists,"
        f" of which {100 * work.hot:g} % are hot. All numbers are for 30 days."
    )
    yield ""
    yield from _align(_call_lines(calls), (1, 2, 3))
    yield ""
    yield from _align(_cost_lines(costs), (1,))
    yield ""
    yield "Assumed:"
    yield from (f"  - {text}" for text in ASSUMPTIONS)
    yield f"Prices: list prices of {prices.REGION}, {prices.AS_OF}, no free tiers; --output json has their sources."


def _call_lines(calls: Sequence[Calls]) -> Iterator[Line]:
    yield "calls", "number", "GuardDuty", "second trail", "why"
    for each in calls:
        yield each.part, f"{each.count:,.0f}", _dollars(each.guardduty), _dollars(each.trail), each.why
    count = f"{sum(each.count for each in calls):,.0f}"
    costs = (sum(each.guardduty for each in calls), sum(each.trail for each in calls))
    yield "all", count, *map(_dollars, costs), "only in accounts that have GuardDuty, or a second trail"


def _cost_lines(costs: Sequence[Cost]) -> Iterator[Line]:
    yield "the hub itself", "dollars", "why"
    for each in costs:
        yield each.part, _dollars(each.dollars), each.why
    yield "all", _dollars(sum(each.dollars for each in costs)), ""


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


def _align(lines: Iterator[Line], right: Sequence[int]) -> Iterator[str]:
    """Align columns, those in ``right`` to the right."""
    table = list(lines)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = zip(line, widths, strict=True)
        padded = (cell.rjust(width) if at in right else cell.ljust(width) for at, (cell, width) in enumerate(cells))
        yield "  ".join(padded).rstrip()
