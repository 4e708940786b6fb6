"""Rows of finished tasks, ordinary or ugly, for tests of notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from task_reporter.history.rows import Key, Row
from task_reporter.recording.projection import MAX_BYTES, MAX_OTHER_BYTES
from task_reporter.texts import truncate_utf8

CASES = Path(__file__).parents[1] / "unit" / "cases"
SCOPE = "123456789012/us-east-2"


def row(number: int = 1, outcome: str = "complete", **changes: Any) -> Row:
    """Return a finished bundle task that awaits notification; None leaves an attribute out."""
    task_id = f"bun-{number:08x}"
    state = {"complete": "complete", "lost": "storing"}.get(outcome, "failed")
    ordinary = {
        "scope": SCOPE,
        "kind": "bundle",
        "task_id": task_id,
        "state": state,
        "outcome": outcome,
        "resource_id": f"i-{number:017x}",
        "started_at": "2026-11-23T11:25:50.000Z",
        "updated_at": "2026-11-23T12:00:00.000Z",
        "first_seen_at": "2026-11-23T11:26:02.113Z",
        "finished_at": "2026-11-23T12:00:00.000Z",
        "bucket": "acme-bundles",
        "prefix": task_id,
        "image_location": f"acme-bundles/{task_id}.manifest.xml",
        "awaiting": "notification",
        "awaiting_since": "2026-11-23T12:01:03.412Z",
    }
    return {name: value for name, value in (ordinary | changes).items() if value is not None}


def key(number: int = 1) -> Key:
    return Key(SCOPE, f"bun-{number:08x}")


def cases() -> dict[str, list[Row]]:
    """Return the cases of the golden emails: name → rows."""
    found: dict[str, list[Row]] = json.loads((CASES / "emails" / "rows.json").read_text())
    return found


UGLY = st.sampled_from(
    ["'", '"', "\\", "\n", "\x00", "\x1b[2J", "\x7f", "é", "漢", "😀", "\u2028", "$(x)", "`x`", " ", "a"]
)
"""Characters that are long in JSON, or that break a shell or a line."""


def texts(most: int) -> st.SearchStrategy[str]:
    """Return a strategy for texts of 1 to ``most`` bytes."""
    pieces = st.one_of(st.text(min_size=1, max_size=40), st.lists(UGLY, min_size=1, max_size=8).map("".join))
    fills = st.sampled_from([0, 0, 0.1, 1])
    return st.builds(
        lambda piece, fill: truncate_utf8(piece * (1 + int(fill * most / len(piece))), most), pieces, fills
    )


def ugly_rows(outcomes: tuple[str, ...] = ("complete", "failed", "cancelled", "lost")) -> st.SearchStrategy[Row]:
    """Return a strategy for rows with the longest and ugliest recorded texts."""
    names = ("state", "resource_id", "account_name", "error_code", "error_message")
    longest = {name: MAX_BYTES.get(name, MAX_OTHER_BYTES) for name in names}
    optional = {name: st.none() | texts(most) for name, most in longest.items() if name != "state"}
    places = st.none() | st.tuples(texts(63), texts(MAX_OTHER_BYTES))
    return st.builds(
        _ugly,
        st.integers(1, 2**32 - 1),
        st.sampled_from(outcomes),
        texts(longest["state"]),
        places,
        st.fixed_dictionaries(optional),
        st.none() | st.integers(0, 100),
    )


def _ugly(number: int, outcome: str, state: str, place: Any, others: dict[str, Any], progress: int | None) -> Row:
    bucket, prefix = place or (None, None)
    location = truncate_utf8(f"{bucket}/{prefix}.manifest.xml", MAX_OTHER_BYTES) if place else None
    where = {"bucket": bucket, "prefix": prefix, "image_location": location}
    return row(number, outcome, state=state, progress=progress, **where, **others)
