"""Strategies of the histories."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.campaigns.lives.edge import ACTIONS
from tests.campaigns.lives.tasks import LATEST_CODE, MOVES

HOUR, DAY = 3600, 24 * 3600
CLOCKS = {"ahead": DAY, "behind": -HOUR, "right": 0}
PASSES = {"an hour": HOUR, "quarter of a day": 6 * HOUR + 60, "a day": DAY + HOUR}
TASKS = 8
"""No history has more; they are told apart by number."""

late = st.integers(0, LATEST_CODE)
which = st.integers(0, TASKS - 1)
move = st.sampled_from(MOVES)
moves = st.lists(st.tuples(which, move, late), max_size=5)
plans = st.dictionaries(st.integers(0, 8), st.sampled_from(ACTIONS), min_size=1, max_size=3)
tellings = st.dictionaries(st.integers(0, 4), st.sampled_from(ACTIONS), min_size=1, max_size=3)
minutes = st.sampled_from([0, 0.5, 1, 2, 4, 5, 5, 5, 9, 12, 16, 30])
shard = st.integers(0, 1)
