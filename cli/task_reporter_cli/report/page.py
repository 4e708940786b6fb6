"""The page: template, style and script, with the summary of the history.

Its policy names style and script by their hash.

EC2's text is anybody's text. It gets into the page through the template's escaping and in no other way, and should it
ever get past that, the policy lets no other script run and nothing be fetched.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from task_reporter.kinds.kind import OUTCOMES
from task_reporter.times import format_for_people
from task_reporter_cli.report import charts
from task_reporter_cli.report.durations import format_seconds
from task_reporter_cli.report.places import MIN_SAMPLE, Comparison
from task_reporter_cli.report.statistics import Failure
from task_reporter_cli.report.summary import Summary, summarise
from task_reporter_cli.report.tasks import GROUPS, Task

WIDE, NARROW, HALF = (1080, 250), (360, 210), (520, 230)
"""Width and height of wide and narrow charts; the page chooses by its width."""

MAX_CHOICES = 50
MAX_UNFILTERED = 10
"""A table of no more than this is read, not searched."""
MAX_PRINTED = 500
"""Tasks on paper: a dozen pages; the style leaves out the others."""
BUFFERED = 5000
"""Pieces of the template that become one part of the page.

All pieces at once take ten times the memory of the page.
"""


@dataclass(frozen=True, slots=True)
class ReportInfo:
    """The subject of the page."""

    table: str
    """The name of the history's table."""
    region: str
    since: str | None
    """The stored time since which tasks were asked for; None is all."""
    created_at: str
    """Now, in the stored form."""
    place: str = ""
    """The accounts and regions of which tasks were asked for; empty is all."""


def render_page(rows: Iterable[Mapping[str, Any]], info: ReportInfo) -> Iterator[str]:
    """Return the parts of one HTML document about ``rows``, newest first.

    It refers to no other file.

    ``rows`` are read once, before the first part. They may lack any attribute and have others; their times may be none.
    """
    summary = summarise(rows, info.created_at)
    style, script = (_read_resource(name) for name in ("page.css", "page.js"))
    parts = (
        _make_environment()
        .get_template("page.html.jinja")
        .stream(
            info=info,
            summary=summary,
            groups=GROUPS,
            max_unfiltered=MAX_UNFILTERED,
            max_printed=MAX_PRINTED,
            min_sample=MIN_SAMPLE,
            outcome_groups=OUTCOMES,
            **_list_filters(summary),
            **_describe_places(summary),
            charts=_draw_charts(summary),
            duration_charts=[Markup(charts.draw_durations(durations.bins, *HALF)) for durations in summary.durations],  # nosec B704 # charts escape their labels
            style=Markup(style),  # nosec B704 # a file of the package
            script=Markup(script),  # nosec B704 # a file of the package
            policy=_build_policy(style, script),
        )
    )
    parts.enable_buffering(BUFFERED)
    return parts


def _draw_charts(summary: Summary) -> dict[str, Markup]:
    """Return the charts over time by their class in the style."""
    if not summary.timeline:
        return {}
    sizes = {"wide": WIDE, "narrow": NARROW}
    return {name: Markup(charts.draw_outcomes(summary.timeline, *size)) for name, size in sizes.items()}  # nosec B704 # charts escape their labels


def _list_filters(summary: Summary) -> dict[str, list[str]]:
    """Return the values that the listed tasks can be filtered by."""
    return {
        "kinds": _list_choices(task.kind for task in summary.listed),
        "outcomes": _list_choices(task.outcome for task in summary.listed),
        "regions": _list_choices(task.region for task in summary.listed),
        "accounts": _list_accounts(summary),
    }


def _list_choices(words: Iterable[str]) -> list[str]:
    """Return the words to choose from, at most the most frequent ones."""
    return sorted(word for word, _ in Counter(words).most_common(MAX_CHOICES) if word)


def _list_accounts(summary: Summary) -> list[str]:
    """Return the ids of the listed tasks' accounts, in the order of their names."""
    listed = {task.account for task in summary.listed}
    wanted = [account for account in summary.accounts if account.key in listed]
    return [account.key for account in sorted(wanted, key=lambda account: (account.name, account.key))]


def _describe_places(summary: Summary) -> dict[str, Any]:
    """Return accounts and regions, each compared where there are several."""
    comparisons = (Comparison("account", summary.accounts), Comparison("region", summary.regions))
    return {
        "names": {account.key: account.name for account in summary.accounts},
        "several_accounts": len(summary.accounts) > 1,
        "several_regions": len(summary.regions) > 1,
        "comparisons": [comparison for comparison in comparisons if len(comparison.places) > 1],
    }


def _build_policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _read_resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _make_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=_format_number,
        time=format_for_people,
        cell_time=_format_cell_time,
        duration=format_seconds,
        run_time=_format_run_time,
        affected_accounts=_format_affected,
    )
    return environment


def _format_number(number: int) -> str:
    return f"{number:,}"


def _format_cell_time(text: str | None) -> str:
    """Format a stored time, or none, for a column whose heading says UTC."""
    return format_for_people(text).removesuffix(" UTC") if text else ""


def _format_affected(failure: Failure) -> str:
    """Name the account of a code, or count them and name the worst."""
    account = failure.worst_account
    if account is None:
        return ""
    name = account.name or account.key
    if failure.account_count == 1:
        return f"in {name}"
    return f"in {failure.account_count:,} accounts, most ({account.codes[failure.code]:,}) in {name}"


def _format_run_time(task: Task) -> str:
    return "" if task.seconds is None else format_seconds(task.seconds)
