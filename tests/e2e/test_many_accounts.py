"""Fifty accounts, of which twenty refuse, each in its way."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from local.ec2.regions import ALWAYS, DISABLED
from local.organization import MEMBER_ROLE
from tests.e2e.hubs import ALARMS, Hub, running_hub
from tests.support.waiting import WAIT_SECONDS, eventually

OWN, OTHER, ASIA = REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
KINDS = ("import-snapshot", "import-image", "export-image", "store-image", "mac-modification", "bundle")
PARAMETERS = {
    "Regions": ",".join(REGIONS),
    "TaskKinds": ",".join(KINDS),
    "LostAfterMinutes": "0",
    "RedriveAfterMinutes": "0",
}
ROUNDS = 8
HUB_PATH = "/ec2-task-reporter/"


class Fault(NamedTuple):
    """A play of the local EC2 in one account, and its state."""

    play: str
    region: str = OTHER
    state: str = "watched"
    places: tuple[str, ...] = ()
    operations: tuple[str, ...] = ("Describe*Tasks", "DescribeMacModificationTasks")
    seconds: float = 0
    times: int = 0


EVERY_LIST = tuple(sorted(f"{region}/{kind}" for region in REGIONS for kind in KINDS))
NEVER = "DescribeStoreImageTasks"
FAULTS = {
    "denied": Fault("denied", OTHER, "denied", (OTHER,)),
    "denied-everywhere": Fault("denied", "*", "denied", tuple(sorted(REGIONS))),
    "policy": Fault("denied-by-scp", "us-*", "denied-by-scp", (OTHER,)),
    "policy-everywhere": Fault("denied-by-scp", "*", "denied-by-scp", tuple(sorted(REGIONS))),
    "opt-in": Fault("opt-in-required", OTHER, "region-disabled", (OTHER,)),
    "token": Fault("invalid-token", OTHER, "region-disabled", (OTHER,)),
    "throttled": Fault("throttled", "*", "throttled", EVERY_LIST),
    "expired": Fault("expired", OTHER, "error", tuple(sorted(f"{OTHER}/{kind}" for kind in KINDS))),
    "malformed": Fault("broken", OTHER, "malformed", (OTHER,)),
    "silent": Fault("slow", OTHER, "error", (f"{OTHER}/store-image",), (NEVER,), seconds=WAIT_SECONDS),
    "expired-once": Fault("expired", OTHER, times=1),
    "absent": Fault("not-here", "*", operations=("DescribeMacModificationTasks",)),
    "unknown-regions": Fault("denied", "*", operations=("DescribeRegions",)),
    "slow": Fault("slow", "*", seconds=1),
}
DISABLED_REGION = "disabled"
"""An account that disables a region in which a task runs."""
WITHOUT_ROLE = ("no-role", "other-external-id", "other-organization", "other-hub", "other-path")
GOOD = tuple(f"team-{number:02}" for number in range(49 - len(FAULTS) - 1 - len(WITHOUT_ROLE)))
NAMES = (*FAULTS, DISABLED_REGION, *WITHOUT_ROLE, *GOOD)
"""50 accounts with the hub's own, which has no name here."""
SAME_ROUNDS = (*GOOD, *(name for name, fault in FAULTS.items() if fault.state == "watched"), "silent")
"""Accounts whose task in OTHER is announced in spite of all faults."""
STATES = {name: {(fault.state, fault.places)} for name, fault in FAULTS.items()} | {
    DISABLED_REGION: {("region-disabled", (f"{OTHER}/import-snapshot",))},
    **{name: {("no-role", ())} for name in WITHOUT_ROLE},
    **{name: {("watched", ())} for name in (*GOOD, "hub")},
}
"""Account → its states and places while the faults last."""
WORDS = {
    "denied": "denied",
    "denied-by-scp": "denied by a service control policy",
    "region-disabled": "the region is disabled",
    "malformed": "malformed",
    "no-role": "its role can't be assumed",
}
"""State → words of the message; other states may pass, and are not announced."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("many"), template, NAMES, **PARAMETERS) as hub:
        organization = hub.organization
        for name in WITHOUT_ROLE:
            organization.remove_member_role(name)
        organization.add_member_role("other-external-id", ExternalId="another")
        organization.add_member_role("other-organization", OrganizationId="o-another0000")
        organization.add_member_role("other-hub", HubAccountId="999988887777")
        organization.add_member_role("other-path")
        trust_another_path(hub, "other-path")
        yield hub


def trust_another_path(hub: Hub, name: str) -> None:
    """Let the member role trust only roles of another path of the hub's account."""
    iam = hub.organization.client(name, "iam")
    trust = json.dumps(iam.get_role(RoleName=MEMBER_ROLE)["Role"]["AssumeRolePolicyDocument"])
    assert HUB_PATH in trust
    iam.update_assume_role_policy(RoleName=MEMBER_ROLE, PolicyDocument=trust.replace(HUB_PATH, "/another-path/"))


def begin_faults(hub: Hub) -> None:
    """Begin all faults; all lists of these accounts are due."""
    organization = hub.organization
    for name, fault in FAULTS.items():
        account = organization.accounts[name]
        organization.ec2.play(fault.play, account, fault.region, fault.operations, fault.seconds, fault.times)
        hub.make_due(name)
    hub.age("unknown-regions", "regions_at", days=2)
    organization.ec2.set_regions(organization.accounts[DISABLED_REGION], {OWN: ALWAYS, ASIA: ALWAYS, OTHER: DISABLED})


def mend(hub: Hub) -> None:
    """End all faults; all lists of these accounts are due."""
    organization = hub.organization
    organization.ec2.end_plays()
    organization.ec2.set_regions(organization.accounts[DISABLED_REGION], dict.fromkeys(REGIONS, ALWAYS))
    for name in WITHOUT_ROLE:
        if name != "no-role":
            organization.remove_member_role(name)
        organization.add_member_role(name)
    for name in (*FAULTS, DISABLED_REGION, *WITHOUT_ROLE):
        hub.make_due(name)


def check_announced_once(hub: Hub, tasks: Iterable[str]) -> None:
    """Wait until all ``tasks`` are announced, and check that none is announced twice."""
    ids = set(tasks)
    eventually(lambda: all(hub.mails_with(task) for task in ids))
    assert [len(hub.mails_with(task)) for task in ids] == [1] * len(ids)


def alarm_lines(hub: Hub) -> list[str]:
    """Return the lines about accounts of all emails to ALARMS."""
    names = {account: name for name, account in hub.organization.accounts.items()}
    lines = (line.strip() for mail in hub.mails_with("", ALARMS) for line in mail.text.splitlines())
    return sorted(line.removeprefix(line[:13]) for line in lines if line[:12] in names)


def expected_lines() -> list[str]:
    """Return a line for each problem that lasts."""
    return sorted(
        f"({name}){f' {place}' if place else ''}: {WORDS[state]}"
        for name, states in STATES.items()
        for state, places in states
        if state in WORDS
        for place in places or ("",)
    )


def run_rounds(hub: Hub, until: Callable[[], bool]) -> None:
    """Run rounds until a condition holds, but at most ROUNDS.

    On a busy machine further accounts can be slow, and are asked one round later.
    """
    for _ in range(ROUNDS):
        hub.round()
        if until():
            return


def test_fifty_accounts_of_which_twenty_refuse(hub: Hub) -> None:
    ids = {name: hub.import_snapshot(name, OTHER) for name in NAMES}
    running = {ids[name]: None for name in NAMES if name not in WITHOUT_ROLE}
    assert hub.round() == {"accounts": 50, "sent": 50, "lists_due": 0}
    run_rounds(hub, lambda: hub.outcomes() == running)
    assert hub.outcomes() == running

    begin_faults(hub)
    neighbours = [hub.import_snapshot(name, OWN) for name, fault in FAULTS.items() if fault.region == OTHER]
    hub.end_tasks()
    hub.round()
    assert {hub.outcomes()[ids[name]] for name in GOOD} == {"complete"}, "in the first round with the faults"
    hub.round()
    in_spite = {*neighbours, *(ids[name] for name in SAME_ROUNDS)}
    assert {task for task, end in hub.outcomes().items() if end == "complete"} == in_spite
    check_announced_once(hub, in_spite)
    run_rounds(hub, lambda: hub.states() == STATES and alarm_lines(hub) == expected_lines())
    hub.round()
    assert hub.states() == STATES
    assert alarm_lines(hub) == expected_lines(), "each problem is announced once"
    assert set(hub.outcomes().values()) == {"complete", None}, "nothing is lost"

    mend(hub)
    complete = dict.fromkeys({*ids.values(), *neighbours}, "complete")
    run_rounds(hub, lambda: hub.outcomes() == complete and len(alarm_lines(hub)) == 2 * len(expected_lines()))
    assert hub.outcomes() == complete
    check_announced_once(hub, complete)
    assert hub.states() == {name: {("watched", ())} for name in (*NAMES, "hub")}
    assert alarm_lines(hub) == sorted([*expected_lines()] * 2), "the end of each problem is announced once"
