"""Every row that a worker writes carries the account of its assignment."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from task_reporter.errors import ForeignAccountError
from task_reporter.history.rows import Key
from task_reporter.history.writes import Insert, Update
from task_reporter.kinds.table import KINDS
from task_reporter.organization.account_table import AccountTable
from task_reporter.times import to_text
from tests.support.clock import Clock
from tests.support.dynamodb import Table
from tests.support.organization import ACCOUNT, HUB, OTHER, REGION, Hub, Request, error

OWN = [Key(f"{ACCOUNT}/us-east-1", "bun-1"), Key(f"{ACCOUNT}/eu-west-1", OTHER), Key("roster", ACCOUNT)]
FOREIGN = [
    Key(f"{OTHER}/us-east-1", "bun-1"),
    Key(f"{HUB}/us-east-1", ACCOUNT),
    Key("roster", OTHER),
    Key("roster", "organization"),
    Key("roster", ""),
    Key(ACCOUNT, "bun-1"),
    Key(f"{ACCOUNT}/", "bun-1"),
    Key(f"{ACCOUNT}0/us-east-1", "bun-1"),
    Key(f" {ACCOUNT}/us-east-1", "bun-1"),
    Key(f"/{ACCOUNT}/us-east-1", "bun-1"),
    Key(f"roster/{ACCOUNT}", "bun-1"),
    Key("", ACCOUNT),
]


def insert(key):
    return Insert({"scope": key.scope, "task_id": key.task_id, "state": "x"})


def update(key):
    return Update(key, {"state": "x"}, {})


@pytest.mark.parametrize("write", [insert, update])
@pytest.mark.parametrize("key", OWN)
def test_rows_of_the_account_are_written(key, write):
    table = Table(*([{"scope": key.scope, "task_id": key.task_id}] if write is update else []))
    assert AccountTable(table, ACCOUNT).apply([write(key)]).written
    assert table.rows[key]["state"] == "x"


@pytest.mark.parametrize("write", [insert, update])
@pytest.mark.parametrize("key", FOREIGN, ids="/".join)
def test_nothing_is_written_beside_a_row_of_another_account(key, write):
    table = Table()
    with pytest.raises(ForeignAccountError, match=ACCOUNT):
        AccountTable(table, ACCOUNT).apply([*map(insert, OWN), write(key)])
    assert table.rows == {}
    assert table.client.calls == []


# Whatever EC2 and the history say

NAMES = (
    "scope", "task_id", "kind", "state", "outcome", "awaiting", "BundleId", "State", "Status", "ImportTaskId",
    "InstanceId", "ConversionTaskId", "ExportTaskId", "ExportImageTaskId", "ReplaceRootVolumeTaskId", "TaskState",
    "UpdateTime", "first_seen_at", "updated_at", "missing_since", "lists", "regions", "polled_at", "unreadable",
    "tries", "asked_at",
)  # fmt: skip
TEXTS = st.sampled_from(
    [
        ACCOUNT, OTHER, "roster", "organization", f"{OTHER}/us-east-1", f"{ACCOUNT}/us-east-1", "../", "bun-1",
        "complete", "bundling", "failed", "bundle", "outcome", "notification", "lost", "{}",
        '{"us-east-1":{"bundle":{"at":1}}}',
        to_text(Clock().now), "2020-01-01T00:00:00.000Z",
    ]
) | st.text(min_size=1, max_size=5)  # fmt: skip
ITEM = st.dictionaries(st.sampled_from(NAMES), TEXTS | st.integers() | st.lists(TEXTS, max_size=2) | st.none())
SCOPES = st.sampled_from(
    [f"{ACCOUNT}/us-east-1", f"{ACCOUNT}/eu-west-1", f"{OTHER}/us-east-1", f"{ACCOUNT}/x/{OTHER}", "roster", "x"]
)
KEYS = st.builds(Key, SCOPES, st.sampled_from([ACCOUNT, OTHER, "organization", "bun-1", "import-1"]))
ROW = st.dictionaries(st.sampled_from([*NAMES[2:6], *NAMES[-9:]]), TEXTS | st.integers(-1, 9), max_size=8)
RUNNING = {"kind": "bundle", "state": "bundling", "awaiting": "outcome", "updated_at": "2020-01-01T00:00:00.000Z"}


def of_key(key, row):
    return {**row, "scope": key.scope, "task_id": key.task_id}


@given(
    st.dictionaries(st.sampled_from(list(KINDS)), st.lists(ITEM, max_size=3), max_size=4),
    st.dictionaries(KEYS, ROW, max_size=6),
    st.lists(TEXTS, max_size=3),
    st.booleans(),
)
@example({}, {Key(f"{OTHER}/us-east-1", "bun-1"): RUNNING, Key(f"{ACCOUNT}/us-east-1", "bun-1"): RUNNING}, [], True)
@example({"bundle": [{"BundleId": OTHER, "State": "complete", "scope": "roster"}]}, {}, [f"{OTHER}/us-east-1"], True)
def test_every_written_row_carries_the_account_of_the_assignment(lists, rows, regions, has_role):
    hub = Hub(*(of_key(key, row) for key, row in rows.items()))
    hub.ec2.lists = {Request(ACCOUNT, REGION, kind): items for kind, items in lists.items()}
    hub.ec2.regions[ACCOUNT] = [*regions, "eu-west-1"]
    if not has_role:
        hub.sts.refused[ACCOUNT] = error("AccessDenied")
    for minutes in (0, 60, 30):
        hub.clock.forward(minutes)
        hub.work({REGION: tuple(KINDS)}, find_regions=True)
    for write in hub.table.written:
        assert write.key == Key("roster", ACCOUNT) or write.key.scope in {
            f"{ACCOUNT}/us-east-1",
            f"{ACCOUNT}/eu-west-1",
        }
    others = {
        key: row for key, row in rows.items() if key.scope.partition("/")[0] != ACCOUNT and key != ("roster", ACCOUNT)
    }
    assert {key: hub.table.rows[key] for key in others} == {key: of_key(key, row) for key, row in others.items()}
    assert {request.account for request in hub.ec2.requests} <= {ACCOUNT}
