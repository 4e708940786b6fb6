"""The campaign of histories in one account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import settings

from tests.campaigns.hunting import make_history_test
from tests.campaigns.lives.machine import Histories
from tests.campaigns.runner import Campaign


def make_test(_family: str, counts: Counter[str], how: settings) -> Callable[[], object]:
    return make_history_test(Histories, counts, how)


CAMPAIGN = Campaign("lives", "histories", 10_000, {"histories": 1}, make_test)
