"""Cases as data: JSON files, and their loader."""

import json
import re
from pathlib import Path
from typing import Any

from task_reporter.history.rows import Key

KEY = Key("123456789012/us-east-2", "bun-2a4e041c")
SHORT_TIME = re.compile(r"\d\d:\d\d(:\d\d)?")


def cases(name: str) -> dict[str, Any]:
    """Return the cases in ``<name>.json``."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def full(value):
    """``12:05`` as the time of the cases' day; all else as it is."""
    if not isinstance(value, str) or not SHORT_TIME.fullmatch(value):
        return value
    return f"2026-11-23T{value if len(value) == 8 else value + ':00'}.000Z"


def full_row(row):
    return {name: full(value) for name, value in row.items()}
