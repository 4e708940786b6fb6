"""Rich consoles: colours on a terminal only, and no text of EC2's taken for markup."""

from typing import TextIO

from rich.console import Console


def console(out: TextIO) -> Console:
    """A console on ``out``."""
    return Console(file=out, highlight=False, markup=False, emoji=False)
