"""Random histories of the whole reporter lose nothing, and repeat nothing without need.

``make soak`` runs more.
"""

import pytest

from tests.campaigns.hunting import play_scene
from tests.campaigns.lives.campaign import CAMPAIGN
from tests.campaigns.lives.defects import DEFECTS
from tests.campaigns.runner import UNEXPECTED, Portion, run_portion


def test_histories_lose_and_repeat_nothing() -> None:
    done = run_portion(CAMPAIGN, Portion("histories", 2026, 200))
    assert not done.failure, f"{done.failure.invariant}\n{done.failure.text}"
    assert done.counts["notices"] > 100
    assert done.counts["tasks of the second region"] > 50
    assert {name.partition(":")[0] for name in done.counts if ":" in name} == {"DynamoDB", "EC2", "EventBridge", "SNS"}


@pytest.mark.parametrize("name", DEFECTS)
def test_scenes_show_their_defect_and_no_other(name: str) -> None:
    """``make soak ARGS=--mutations`` searches random histories for each defect too."""
    with DEFECTS[name].inject():
        failure = play_scene("lives", name)
    assert failure
    assert failure.invariant != UNEXPECTED, failure.text
    assert play_scene("lives", name) is None
