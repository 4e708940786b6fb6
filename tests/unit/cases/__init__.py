"""Cases as data: JSON files, and their loader."""

import json
from pathlib import Path
from typing import Any


def cases(name: str) -> dict[str, Any]:
    """Return the cases in ``<name>.json``."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
