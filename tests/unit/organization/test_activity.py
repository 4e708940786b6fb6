"""Lists that stay hot because a task in them is not settled."""

import pytest

from tests.support.organization import ACCOUNT, DENIAL, REGION, Hub, Request

BUNDLE = Request(ACCOUNT, REGION, "bundle")


def bundle(state):
    return {"BundleId": "bun-1", "InstanceId": "i-1", "State": state, "Storage": {"S3": {"Bucket": "b", "Prefix": "p"}}}


@pytest.fixture
def hub():
    hub = Hub(setting=())
    hub.join(ACCOUNT)
    return hub


def test_a_failure_found_after_a_pause_gets_its_outcome_soon(hub):
    hub.ec2.lists[BUNDLE] = [bundle("pending")]
    hub.round()
    hub.ec2.lists[BUNDLE] = DENIAL
    for _ in range(3):
        hub.round(5)
    hub.ec2.lists[BUNDLE] = [bundle("failed")]
    hub.round(125)
    hub.round(5)
    [row] = [row for key, row in hub.table.rows.items() if key.task_id == "bun-1"]
    assert row["outcome"] == "failed"
