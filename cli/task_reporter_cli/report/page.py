"""The page itself: the summary put into the template, with the style and the script that its policy names by hash.

EC2's text is anybody's text. It gets into the page through the template's escaping and in no other way, and should it
ever get past that, the policy lets no other script run and nothing be fetched.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from task_reporter.times import format_for_people
from task_reporter_cli.report import charts
from task_reporter_cli.report.lengths import spoken as spoken_length
from task_reporter_cli.report.summary import Summary, summarise
from task_reporter_cli.report.tasks import GROUPS, Task

WIDE, NARROW, HALF = (1080, 250), (360, 210), (520, 230)
"""Width and height of charts; the page shows the wide or the narrow one, as its own width is."""

MOST_CHOICES = 50
FEWEST_FILTERED = 10
"""A table of no more than this is read, not searched."""


@dataclass(frozen=True, slots=True)
class About:
    """The subject of the page."""

    table: str
    """The name of the history's table."""
    region: str
    since: str | None
    """The stored time since which tasks were asked for; None is all."""
    made_at: str
    """Now, in the stored form."""


def page(rows: Iterable[Mapping[str, Any]], about: About) -> str:
    """Return the page of ``rows``, newest first, as one HTML document without references to other files.

    ``rows`` are read once. They may lack any attribute and have others; their times may be none.
    """
    summary = summarise(rows, about.made_at)
    style, script = (_resource(name) for name in ("page.css", "page.js"))
    return (
        _templates()
        .get_template("page.html.jinja")
        .render(
            about=about,
            summary=summary,
            groups=GROUPS,
            filtered=len(summary.listed) > FEWEST_FILTERED,
            kinds=_choices(task.kind for task in summary.listed),
            outcomes=_choices(task.outcome for task in summary.listed),
            several_places=len({task.scope for task in summary.listed}) > 1,
            charts=_charts(summary),
            lengths_charts=[Markup(charts.lengths(lengths.bins, *HALF)) for lengths in summary.lengths],  # nosec B704 # charts escape their labels
            style=Markup(style),  # nosec B704 # a file of the package
            script=Markup(script),  # nosec B704 # a file of the package
            policy=_policy(style, script),
        )
    )


def _charts(summary: Summary) -> dict[str, Markup]:
    """Of what happened over time, the charts by the class under which the style knows them."""
    if not summary.over_time:
        return {}
    sizes = {"wide": WIDE, "narrow": NARROW}
    return {name: Markup(charts.outcomes_over_time(summary.over_time, *size)) for name, size in sizes.items()}  # nosec B704 # charts escape their labels


def _choices(words: Iterable[str]) -> list[str]:
    """Return the words to choose from, at most the most frequent ones."""
    return sorted(word for word, _ in Counter(words).most_common(MOST_CHOICES) if word)


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=_number, time=format_for_people, cell_time=_cell_time, lasted=spoken_length, took=_took
    )
    return environment


def _number(number: int) -> str:
    return f"{number:,}"


def _cell_time(text: str | None) -> str:
    """Format a stored time, or none, for a column whose heading says UTC."""
    return format_for_people(text).removesuffix(" UTC") if text else ""


def _took(task: Task) -> str:
    return "" if task.seconds is None else spoken_length(task.seconds)
