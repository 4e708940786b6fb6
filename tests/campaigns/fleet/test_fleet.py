"""Random histories of a hub: a fault of one account concerns no other.

``make soak`` runs more.
"""

import pytest

from tests.campaigns.fleet.campaign import CAMPAIGN
from tests.campaigns.fleet.defects import DEFECTS
from tests.campaigns.hunting import play_scene
from tests.campaigns.runner import UNEXPECTED, Portion, run_portion


def test_a_fault_of_one_account_concerns_no_other() -> None:
    done = run_portion(CAMPAIGN, Portion("histories", 2026, 100))
    assert not done.failure, f"{done.failure.invariant}\n{done.failure.text}"
    assert done.counts["tasks of members"] > 100
    assert done.counts["accounts without a fault"] > 500
    assert {"DynamoDB", "EC2", "STS"} <= {name.partition(":")[0] for name in done.counts}


@pytest.mark.parametrize("name", DEFECTS)
def test_scenes_show_their_defect_and_no_other(name: str) -> None:
    """``python -m tests.campaigns.fleet --mutations`` searches random histories for each defect too."""
    with DEFECTS[name].inject():
        failure = play_scene("fleet", name)
    assert failure
    assert failure.invariant != UNEXPECTED, failure.text
    assert play_scene("fleet", name) is None
