"""Random histories of a hub: a fault of one account concerns no other.

``make soak`` runs more.
"""

from tests.campaigns.fleet.campaign import CAMPAIGN
from tests.campaigns.runner import Portion, run_portion


def test_a_fault_of_one_account_concerns_no_other() -> None:
    done = run_portion(CAMPAIGN, Portion("histories", 2026, 60))
    assert not done.failure, f"{done.failure.invariant}\n{done.failure.text}"
    assert done.counts["tasks of members"] > 100
    assert {"EC2", "Organizations", "SNS", "SQS", "STS"} <= {name.partition(":")[0] for name in done.counts}
