"""Charts as inline SVG, with the colours, fonts and lines of the page.

No text of a row gets into a chart, only numbers, days and this package's own words.
"""

import sys
from collections.abc import Sequence
from typing import Any

from pygal import Bar, StackedBar
from pygal.style import Style

from task_reporter.kinds.kind import OUTCOMES
from task_reporter_cli.report.durations import Bin, format_edge
from task_reporter_cli.report.labels import axis_ticks, period_labels, thin_out
from task_reporter_cli.report.periods import Timeline
from task_reporter_cli.report.svg import strip_svg
from task_reporter_cli.report.tasks import OTHER

# pygal puts a finder for its maps, which nobody needs here, into the way of every later import of anybody's. On
# Python 3.11 each import that fails then warns of it.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

STACKED_GROUPS = (*OUTCOMES, OTHER)
"""Series from the bottom up; their position gives the class, such as ``color-0``."""

FONT_SIZE = 12
"""In the chart's own units, as its width and height are."""

LABEL_WIDTH = 62


def draw_outcomes(over_time: Timeline, width: int, height: int) -> str:
    """Stacked bars, one for each period."""
    tallest = max(sum(period.counts.values()) for period in over_time.periods)
    chart = _make_chart(StackedBar, width, height, tallest)
    most = width // LABEL_WIDTH
    chart.x_labels = thin_out(period_labels(over_time, most), most)
    for group in STACKED_GROUPS:
        chart.add(group, [_make_segment(over_time.name(period), period.counts, group) for period in over_time.periods])
    return strip_svg(chart.render())


def draw_durations(bins: Sequence[Bin], width: int, height: int) -> str:
    """Bars, one for each bin."""
    chart = _make_chart(Bar, width, height, max(part.count for part in bins))
    chart.x_labels = thin_out([_format_start(part) for part in bins], width // LABEL_WIDTH)
    chart.add("lengths", [{"value": part.count, "tooltip": f"{_format_range(part)}: {part.count:,}"} for part in bins])
    return strip_svg(chart.render())


def _make_chart(made_of: type, width: int, height: int, tallest: int) -> Any:
    """Make an empty chart without pygal's own style, scripts, legend and title."""
    marks = axis_ticks(tallest)
    return made_of(
        css=[],
        js=[],
        style=Style(label_font_size=FONT_SIZE, major_label_font_size=FONT_SIZE),
        width=width,
        height=height,
        margin=6,
        margin_right=0,
        margin_bottom=0,
        spacing=8,
        rounded_bars=1,
        truncate_label=-1,
        y_labels=marks,
        range=(0, marks[-1]),
        value_formatter=lambda value: f"{int(value):,}",
        show_legend=False,
        no_prefix=True,
        disable_xml_declaration=True,
    )


def _make_segment(name: str, counts: Any, group: str) -> dict[str, Any]:
    """One part of a stacked bar."""
    count = counts.get(group, 0)
    return {"value": count, "tooltip": f"{name}: {count:,} {group} of {sum(counts.values()):,}"}


def _format_start(part: Bin) -> str:
    return f"{'' if part.end else '≥ '}{format_edge(part.start)}"


def _format_range(part: Bin) -> str:
    return f"{format_edge(part.start)} to {format_edge(part.end)}" if part.end else f"{format_edge(part.start)} or more"
