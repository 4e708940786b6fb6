"""The campaign of hostile input: three families with builders and checks."""

from collections import Counter
from collections.abc import Callable
from random import Random

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.campaigns.hostile import ec2_answers, history_rows, stream_events
from tests.campaigns.runner import Campaign

FAMILIES = {"ec2-answers": ec2_answers, "stream-events": stream_events, "history-rows": history_rows}


def make_test(family: str, counts: Counter[str], how: settings) -> Callable[[], object]:
    """Return a test of one family, whose random numbers hypothesis draws and shrinks."""
    module = FAMILIES[family]

    @how
    @given(st.randoms(use_true_random=False))
    def check_example(rng: Random) -> None:
        material = module.build(rng)
        note(module.show(material))
        counts["cases"] += 1
        counts.update(module.check(material))

    return check_example


CAMPAIGN = Campaign("hostile", "cases", 100_000, dict(zip(FAMILIES, (0.7, 0.2, 0.1), strict=True)), make_test)
