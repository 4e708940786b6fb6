"""The campaign of histories over several accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import settings

from tests.campaigns.fleet.machine import Histories
from tests.campaigns.hunting import make_history_test
from tests.campaigns.runner import Campaign


def make_test(_family: str, counts: Counter[str], how: settings) -> Callable[[], object]:
    return make_history_test(Histories, counts, how)


CAMPAIGN = Campaign("fleet", "histories", 4_000, {"histories": 1}, make_test)
