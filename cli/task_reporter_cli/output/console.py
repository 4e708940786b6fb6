"""Rich consoles: colours on a terminal only, no text interpreted as markup."""

from typing import Literal, TextIO

from rich.console import Console

from task_reporter_cli.output.lines import is_colour_disabled


def make_console(out: TextIO) -> Console:
    """Make a console on ``out``."""
    # Rich's own reading of NO_COLOR keeps bold and dim, which click's takes away.
    system: Literal["auto"] | None = None if is_colour_disabled() else "auto"
    return Console(file=out, highlight=False, markup=False, emoji=False, color_system=system)
