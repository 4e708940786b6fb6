"""Cases as data: JSON files beside this one, and how a test gets at them."""

import json
from pathlib import Path
from typing import Any


def cases(name: str) -> dict[str, Any]:
    """What stands in ``<name>.json``."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
