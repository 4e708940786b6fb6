"""Random faults in rounds: nothing is lost, and everything is found when they end."""

from hypothesis import example, given
from hypothesis import strategies as st

from task_reporter.organization.due import DAY
from task_reporter.organization.members import Account, membership_writes, read_roster
from tests.support.organization import ACCOUNT, DENIAL, OTHER, REGION, SCP_DENIAL, Hub, Request, error

REGIONS_WATCHED = ("eu-west-1", REGION)
FAULTS = {
    "denied": DENIAL, "denied-by-scp": SCP_DENIAL, "disabled": error("AuthFailure"), "expired": error("RequestExpired"),
    "throttled": error("RequestLimitExceeded"), "failing": error("InternalError"), "absent": error("InvalidAction"),
    "defect": KeyError("x"),
}  # fmt: skip


class World:
    """Two accounts with tasks, and with faults that come and go."""

    def __init__(self):
        self.hub = Hub(setting=REGIONS_WATCHED)
        self.hub.join(ACCOUNT, OTHER)
        self.tasks = {}
        self.faults = {}
        self.hub.ec2.before = self.answer

    def answer(self, request):
        fault = self.faults.get((request.account, request.region))
        if fault:
            raise FAULTS[fault]

    def list_tasks(self):
        lists = {}
        for (account, region, task_id), state in self.tasks.items():
            item = {"BundleId": task_id, "State": state}
            lists.setdefault(Request(account, region, "bundle"), []).append(item)
        self.hub.ec2.lists = lists

    def step(self, action, account, region):
        match action:
            case "start":
                self.tasks[account, region, f"bun-{len(self.tasks)}"] = "bundling"
            case "end":
                self.tasks |= {key: "complete" for key in self.tasks if key[:2] == (account, region)}
            case "no role":
                self.hub.sts.refused[account] = error("AccessDenied")
            case "role":
                self.hub.sts.refused.pop(account, None)
            case "leave" | "come back":
                self.list_accounts(*({ACCOUNT, OTHER} - ({account} if action == "leave" else set())))
            case "heal":
                self.faults.pop((account, region), None)
            case fault:
                self.faults[account, region] = fault
        self.list_tasks()

    def list_accounts(self, *accounts):
        members, _ = read_roster(self.hub.table)
        writes = membership_writes(members, [Account(each, "", "ACTIVE") for each in accounts], self.hub.clock.now)
        self.hub.table.apply([write for _, write in writes])

    def heal(self):
        self.faults.clear()
        self.hub.sts.refused.clear()
        self.list_accounts(ACCOUNT, OTHER)

    @property
    def outcomes(self):
        rows = (row for key, row in self.hub.table.rows.items() if key.scope != "roster")
        return {(*row["scope"].split("/"), row["task_id"]): row.get("outcome") for row in rows}


ACTIONS = ["start", "start", "end", "no role", "role", "leave", "come back", "heal", *FAULTS]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.sampled_from([ACCOUNT, OTHER]),
        st.sampled_from(REGIONS_WATCHED),
        st.sampled_from([0, 5, 5, 65, 400]),
    ),
    max_size=12,
)


@given(STEPS)
@example([("start", ACCOUNT, REGION, 5), ("denied", ACCOUNT, REGION, 5), ("leave", ACCOUNT, REGION, 400)])
@example([("no role", ACCOUNT, REGION, 5)] * 5 + [("leave", ACCOUNT, REGION, 0)])
def test_everything_is_found_a_day_after_the_last_fault(steps):
    world = World()
    for action, account, region, minutes in steps:
        world.step(action, account, region)
        world.hub.round(minutes)
        assert "lost" not in world.outcomes.values()
    world.heal()
    for _ in range(DAY.days * 25):
        world.hub.round(60)
    assert world.outcomes == {key: "complete" if state == "complete" else None for key, state in world.tasks.items()}
    for member in world.hub.members.values():
        assert not member.unreadable
        assert not [record for kinds in member.lists.values() for record in kinds.values() if record.unreadable]
    for key in world.tasks:
        world.tasks[key] = "complete"
    world.list_tasks()
    world.hub.round(5)
    assert set(world.outcomes.values()) <= {"complete"}, "lists with running tasks are asked in each round"
