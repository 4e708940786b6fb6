"""Tests of the enrolment of accounts: the hub, the plans, the question, the results."""

import shlex
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.environments import ROOT
from local.member import enrol, main, parse_boundary
from local.stacks import DeploymentError
from task_reporter_cli.aws.account import Account
from tests.support.documents import request
from tests.support.scripted import ID, Script, event
from tests.support.template import member_template

HUB, MANAGEMENT, MEMBER = "999988887777", "111122223333", "555566667777"
UNITS = ("ou-ab12-11111111", "ou-ab12-22222222")
HUB_PARAMETERS = {
    "OrganizationId": "o-a1b2c3d4e5",
    "ExternalId": "hub,of/acme=1",
    "MemberRoleName": "ec2-task-reporter-member",
    "OrganizationalUnits": ", ".join(UNITS),
    "RetentionDays": "0",
}
MEMBER_PARAMETERS = {
    "HubAccountId": HUB, "OrganizationId": "o-a1b2c3d4e5", "ExternalId": "hub,of/acme=1",
    "MemberRoleName": "ec2-task-reporter-member",
}  # fmt: skip
BOUNDARY = "arn:aws:iam::*:policy/limits"
TEMPLATE = (ROOT / "member.yaml").read_text(encoding="utf-8")
NAME = {"StackSetName": "hub-member"}
PREFERENCES = {
    "RegionConcurrencyType": "PARALLEL", "FailureTolerancePercentage": 100, "MaxConcurrentPercentage": 100,
    "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
}  # fmt: skip


def given(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


KEPT_BOUNDARY = {"ParameterKey": "PermissionsBoundaryArn", "UsePreviousValue": True}


def stack_set(call_as: str, boundary: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the parameters of a request that creates the StackSet."""
    return {
        **NAME,
        "Description": f"Role for the ec2-task-reporter hub {HUB}/eu-west-1",
        "TemplateBody": TEMPLATE,
        "Parameters": [*given(MEMBER_PARAMETERS), *boundary],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
        "ManagedExecution": {"Active": True},
        "CallAs": call_as,
    }


def instances(call_as: str, *units: str) -> dict[str, Any]:
    return {
        **NAME,
        "DeploymentTargets": {"OrganizationalUnitIds": list(units)},
        "Regions": ["eu-west-1"],
        "OperationPreferences": PREFERENCES,
        "CallAs": call_as,
    }


class Accounts:
    """The hub's account, and that of the profile ``root``, with scripted services.

    hub      CloudFormation of the hub, which first describes the hub's stack
    member   CloudFormation of the other account
    """

    def __init__(self, management: str = MANAGEMENT, region: str | None = "eu-west-1", **changes: str | None) -> None:
        values = {name: value for name, value in (HUB_PARAMETERS | changes).items() if value is not None}
        self.region, self.hub, self.member = region, Script("cloudformation"), Script("cloudformation")
        self.hub.answers("describe_stacks", described("hub", "CREATE_COMPLETE", values), StackName="hub")
        self.organizations = Script("organizations")
        self.identity = {"hub": HUB, "root": MEMBER}
        self._management = management

    def belongs_to(self, organization: str = "o-a1b2c3d4e5") -> "Accounts":
        found = {"Id": organization, "MasterAccountId": self._management}
        self.organizations.answers("describe_organization", {"Organization": found})
        return self

    def open(self, profile: str | None = None, region: str | None = None) -> Any:
        scripts = {"cloudformation": self.member if profile else self.hub, "organizations": self.organizations}
        identity = {"Account": self.identity[profile or "hub"]}
        scripts["sts"] = Script("sts").answers("get_caller_identity", identity)
        clients = {service: script.__enter__() for service, script in scripts.items()}
        return Opened(region or self.region, clients)

    def enrol(self, profile: str | None = None, boundary: str | None = None, agrees: bool = True) -> str:
        """Enrol, and return the question; every scripted answer must have been requested."""
        questions: list[str] = []

        def agree(question: str) -> bool:
            questions.append(question)
            return agrees

        enrol(self.open, "hub", profile, boundary, agree)
        for script in (self.hub, self.member, self.organizations):
            script.__exit__(None, None, None)
        [question] = questions
        return question


class Opened(Account):
    """An account whose clients are given."""

    def __init__(self, region: str | None, clients: Mapping[str, Any]) -> None:
        super().__init__(region=region)
        self._clients = clients

    def client(self, service: str, region: str | None = None) -> Any:
        return self._clients[service]


def described(name: str, status: str, values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Stacks": [
            {
                "StackName": name,
                "StackId": ID,
                "StackStatus": status,
                "CreationTime": 0,
                "Parameters": given(values),
            }
        ]
    }


def accepted(script: Script, method: str, parameters: dict[str, Any], *results: dict[str, str], **end: str) -> Script:
    """Script an operation of the StackSet and its end."""
    asked = {**NAME, "CallAs": parameters["CallAs"], "OperationId": "op-1"}
    operation = {"StackSetOperation": {"Status": "SUCCEEDED", **end}}
    return (
        script.answers(method, {"OperationId": "op-1"}, **parameters)
        .answers("describe_stack_set_operation", operation, **asked)
        .answers("list_stack_set_operation_results", {"Summaries": list(results)}, **asked)
    )


def no_stack_set(script: Script) -> Script:
    return script.refuses("describe_stack_set", "StackSetNotFoundException")


def commands(output: str) -> list[list[str]]:
    """Return the printed aws commands as words."""
    return [shlex.split(line) for line in output.splitlines() if line.startswith("  aws ")]


GOOD, BAD = {"Account": MEMBER, "Status": "SUCCEEDED"}, {"Account": "222233334444", "Status": "FAILED"}


# The organization


CALLERS = [(MANAGEMENT, "DELEGATED_ADMIN"), (HUB, "SELF")]


@pytest.mark.parametrize(("management", "call_as"), CALLERS)
@pytest.mark.parametrize("boundary", [None, BOUNDARY])
def test_new_stack_set_is_created_and_deployed(
    management: str, call_as: str, boundary: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = Accounts(management).belongs_to()
    limits = given({"PermissionsBoundaryArn": boundary}) if boundary else []
    created = {"StackSetId": "hub-member:1"}
    no_stack_set(accounts.hub).answers("create_stack_set", created, **stack_set(call_as, limits))
    accepted(accounts.hub, "create_stack_instances", instances(call_as, *UNITS), GOOD)
    question = accounts.enrol(boundary=boundary)
    assert all(unit in question for unit in UNITS)
    output = capsys.readouterr().out
    assert "create-stack-set was accepted." in output
    assert "create-stack-instances succeeded in 1 of 1 accounts." in output


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
def test_existing_stack_set_is_updated(boundary: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = Accounts().belongs_to()
    found = {"StackSet": {**NAME, "PermissionModel": "SERVICE_MANAGED"}}
    accounts.hub.answers("describe_stack_set", found, **NAME, CallAs="DELEGATED_ADMIN")
    limits = given({"PermissionsBoundaryArn": boundary}) if boundary else [KEPT_BOUNDARY]
    changed = {**stack_set("DELEGATED_ADMIN", limits), "OperationPreferences": PREFERENCES}
    accepted(accounts.hub, "update_stack_set", changed, GOOD)
    accepted(accounts.hub, "create_stack_instances", instances("DELEGATED_ADMIN", *UNITS), GOOD, GOOD)
    accounts.enrol(boundary=boundary)
    assert "create-stack-instances succeeded in 2 of 2 accounts." in capsys.readouterr().out


@pytest.mark.parametrize("units", ["", " ", None])
def test_whole_organization_is_its_roots(units: str | None) -> None:
    accounts = Accounts(OrganizationalUnits=units).belongs_to()
    accounts.organizations.answers("list_roots", {"Roots": [{"Id": "r-ab12"}]})
    no_stack_set(accounts.hub)
    assert "r-ab12 of the organization o-a1b2c3d4e5" in accounts.enrol(agrees=False)


def test_many_units_are_enrolled_fifty_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    units = [f"ou-ab12-{number:08}" for number in range(101)]
    accounts = Accounts(OrganizationalUnits=",".join(units)).belongs_to()
    no_stack_set(accounts.hub)
    accounts.enrol(agrees=False)
    found = [request(words, {}) for words in commands(capsys.readouterr().out) if "create-stack-instances" in words]
    batches = [one["DeploymentTargets"]["OrganizationalUnitIds"] for one in found]
    assert [len(batch) for batch in batches] == [50, 50, 1]
    assert [unit for batch in batches for unit in batch] == units


def test_printed_commands_are_the_requests(capsys: pytest.CaptureFixture[str]) -> None:
    """As the aws CLI reads them: lists of words, JSON and files."""
    accounts = Accounts().belongs_to()
    no_stack_set(accounts.hub)
    accounts.enrol(boundary=BOUNDARY, agrees=False)
    first, second, _ = commands(capsys.readouterr().out)
    limits = given({"PermissionsBoundaryArn": BOUNDARY})
    expected = {**stack_set("DELEGATED_ADMIN", limits), "TemplateBody": f"file://{ROOT / 'member.yaml'}"}
    assert request(first, {}) == expected | {"Capabilities": "CAPABILITY_NAMED_IAM"}
    assert request(second, {}) == instances("DELEGATED_ADMIN", *UNITS) | {"Regions": "eu-west-1"}
    assert first[1:3] == ["cloudformation", "create-stack-set"]
    assert second[1:3] == ["cloudformation", "create-stack-instances"]
    assert first[-2:] == second[-2:] == ["--region", "eu-west-1"]


@pytest.mark.parametrize(("management", "shown"), [(MANAGEMENT, True), (HUB, False)])
def test_management_account_has_a_command_of_its_own(
    management: str, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = Accounts(management).belongs_to()
    no_stack_set(accounts.hub)
    accounts.enrol(agrees=False)
    output = capsys.readouterr().out
    found = [words for words in commands(output) if "deploy" in words]
    assert bool(found) is shown
    assert (f"the management account {MANAGEMENT}" in output) is shown
    for words in found:
        overrides = words[words.index("--parameter-overrides") + 1 : words.index("--region")]
        assert dict(override.split("=", 1) for override in overrides) == MEMBER_PARAMETERS
        assert {"hub-member", str(ROOT / "member.yaml"), "CAPABILITY_NAMED_IAM"} <= set(words)


# Agreement


def test_nothing_runs_before_the_commands_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    accounts = Accounts().belongs_to()
    no_stack_set(accounts.hub)
    shown = []

    def agree(question: str) -> bool:
        shown.append(capsys.readouterr().out)
        return False

    enrol(accounts.open, "hub", None, None, agree)
    assert [words[2] for words in commands(shown[0])] == ["create-stack-set", "create-stack-instances", "deploy"]
    assert capsys.readouterr().out.startswith("Nothing was run. ")


# Results


def test_accounts_that_failed_are_named_after_all_requests() -> None:
    accounts = Accounts().belongs_to()
    accounts.hub.answers("describe_stack_set", {"StackSet": {"PermissionModel": "SERVICE_MANAGED"}})
    changed = {**stack_set("DELEGATED_ADMIN", [KEPT_BOUNDARY]), "OperationPreferences": PREFERENCES}
    accepted(accounts.hub, "update_stack_set", changed, BAD | {"StatusReason": "the role exists"})
    cancelled = BAD | {"Status": "CANCELLED"}
    accepted(accounts.hub, "create_stack_instances", instances("DELEGATED_ADMIN", *UNITS), GOOD, cancelled)
    with pytest.raises(DeploymentError, match="not all accounts are enrolled") as failed:
        accounts.enrol()
    assert str(failed.value).splitlines()[1:] == [
        "  update-stack-set FAILED in the account 222233334444: the role exists",
        "  create-stack-instances CANCELLED in the account 222233334444: no reason given",
    ]


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_operation_that_failed_is_named_with_its_reason(status: str) -> None:
    accounts = Accounts().belongs_to()
    no_stack_set(accounts.hub).answers("create_stack_set", {"StackSetId": "hub-member:1"})
    end = {"Status": status, "StatusReason": "somebody stopped it"}
    accepted(accounts.hub, "create_stack_instances", instances("DELEGATED_ADMIN", *UNITS), **end)
    sentence = rf"op-1 of create-stack-instances is {status} \(somebody stopped it\)"
    with pytest.raises(DeploymentError, match=sentence):
        accounts.enrol()


@pytest.mark.parametrize(("count", "more"), [(10, 0), (11, 1), (400, 390)])
def test_many_failures_are_counted(count: int, more: int) -> None:
    accounts = Accounts().belongs_to()
    no_stack_set(accounts.hub).answers("create_stack_set", {"StackSetId": "hub-member:1"})
    accepted(accounts.hub, "create_stack_instances", instances("DELEGATED_ADMIN", *UNITS), *[BAD] * count)
    with pytest.raises(DeploymentError) as failed:
        accounts.enrol()
    text = str(failed.value)
    assert text.count("222233334444") == 10
    assert (f"{more} more accounts" in text) is bool(more)
    assert ("aws cloudformation list-stack-set-operation-results" in text) is bool(more)


# Refusals


UNUSABLE: dict[str, tuple[dict[str, str | None], str]] = {
    "no hub": (
        {"OrganizationId": ""},
        "watches one account, .* no OrganizationId; .*make deploy STACK=hub",
    ),
    "an older stack": ({"OrganizationId": None}, "has no OrganizationId"),
    "bad organization": (
        {"OrganizationId": "r-ab12"},
        "OrganizationId of the stack hub is 'r-ab12': it must be",
    ),
    "no external id": ({"ExternalId": ""}, "ExternalId of the stack hub is '': .*PARAMETERS='ExternalId="),
    "bad external id": ({"ExternalId": "a b"}, "ExternalId of the stack hub is 'a b': it must be"),
    "bad role": ({"MemberRoleName": "path/role"}, "MemberRoleName of the stack hub is 'path/role'"),
    "bad unit": (
        {"OrganizationalUnits": f"{UNITS[0]},ou-AB"},
        "OrganizationalUnits of the stack hub contains 'ou-AB', .*PARAMETERS='OrganizationalUnits=",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_value_of_the_hub_is_named(changes: dict[str, str | None], sentence: str) -> None:
    with pytest.raises(DeploymentError, match=sentence):
        Accounts(**changes).enrol()


def test_missing_stack_is_named() -> None:
    accounts = Accounts()
    accounts.hub = Script("cloudformation").refuses("describe_stacks", "ValidationError", "it does not exist")
    with pytest.raises(DeploymentError, match=r"no stack 'hub' in eu-west-1; .* make member STACK="):
        accounts.enrol()


def test_missing_region_is_refused() -> None:
    with pytest.raises(DeploymentError, match="no AWS region; set AWS_REGION"):
        Accounts(region="").enrol()


def test_organization_of_another_account_is_refused() -> None:
    with pytest.raises(DeploymentError, match=f"has OrganizationId o-a1b2c3d4e5, but the account {HUB} belongs to o-z"):
        Accounts().belongs_to("o-z9y8x7w6v5").enrol()


REFUSALS = [
    "You must be the management account or delegated admin account of an organization before operating a"
    " SERVICE_MANAGED stack set",
    "Account used is not a delegated administrator",
]


@pytest.mark.parametrize("message", REFUSALS)
@pytest.mark.parametrize(("management", "call_as"), CALLERS)
def test_account_without_stack_sets_is_told_how(management: str, call_as: str, message: str) -> None:
    accounts = Accounts(management).belongs_to()
    accounts.hub.refuses("describe_stack_set", "ValidationError", message)
    with pytest.raises(DeploymentError, match=f"management account {management}") as refused:
        accounts.enrol()
    found = [words[1:] for words in commands(str(refused.value))]
    assert found[0][:2] == ["cloudformation", "activate-organizations-access"]
    assert [words[:4] for words in found[1:]] == (
        [["organizations", "register-delegated-administrator", "--account-id", HUB]] if management != HUB else []
    )


def test_other_refusals_are_not_explained_away() -> None:
    accounts = Accounts().belongs_to()
    accounts.hub.refuses("describe_stack_set", "AccessDenied", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        accounts.enrol()


def test_stack_set_of_another_kind_is_left_alone() -> None:
    accounts = Accounts().belongs_to()
    accounts.hub.answers("describe_stack_set", {"StackSet": {"PermissionModel": "SELF_MANAGED"}})
    with pytest.raises(DeploymentError, match="hub-member is not service-managed"):
        accounts.enrol()


# One account


NO_STACK = ("describe_stacks", "ValidationError", "Stack with id hub-member does not exist")


def one_stack(boundary: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "StackName": "hub-member",
        "TemplateBody": TEMPLATE,
        "Parameters": [*given(MEMBER_PARAMETERS), *boundary],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }


def present(script: Script, status: str) -> Script:
    return script.answers("describe_stacks", described("hub-member", status, {}))


def test_one_account_gets_a_stack(capsys: pytest.CaptureFixture[str]) -> None:
    accounts = Accounts()
    created = one_stack([]) | {"OnFailure": "DELETE"}
    accounts.member.refuses(*NO_STACK).answers("create_stack", {"StackId": ID}, **created)
    present(accounts.member, "CREATE_COMPLETE")
    assert MEMBER in accounts.enrol("root")
    output = capsys.readouterr().out
    assert output.endswith(f"The stack hub-member in the account {MEMBER} is deployed.\n")
    [words] = commands(output)
    assert words[1:3] == ["cloudformation", "create-stack"]
    assert words[-4:] == ["--region", "eu-west-1", "--profile", "root"]


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
def test_stack_of_one_account_is_updated(boundary: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = Accounts()
    limits = given({"PermissionsBoundaryArn": boundary}) if boundary else [KEPT_BOUNDARY]
    present(accounts.member, "CREATE_COMPLETE").answers("update_stack", {"StackId": ID}, **one_stack(limits))
    present(accounts.member, "UPDATE_COMPLETE")
    accounts.enrol("root", boundary)
    assert capsys.readouterr().out.endswith("is deployed.\n")


def test_stack_without_changes_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    accounts = Accounts()
    message = "No updates are to be performed."
    present(accounts.member, "CREATE_COMPLETE").refuses("update_stack", "ValidationError", message)
    accounts.enrol("root")
    assert capsys.readouterr().out.endswith("is up to date.\n")


def test_other_errors_of_an_update_are_raised() -> None:
    accounts = Accounts()
    present(accounts.member, "CREATE_COMPLETE").refuses("update_stack", "ValidationError", "Template error")
    with pytest.raises(ClientError, match="Template error"):
        accounts.enrol("root")


def test_failed_stack_is_explained() -> None:
    accounts = Accounts()
    accounts.member.refuses(*NO_STACK).answers("create_stack", {"StackId": ID})
    present(accounts.member, "DELETE_COMPLETE")
    reason = "ec2-task-reporter-member already exists"
    events = [event("MemberRole", "DELETE_COMPLETE"), event("MemberRole", "CREATE_FAILED", reason=reason)]
    accounts.member.answers("describe_stack_events", {"StackEvents": events}, StackName=ID)
    with pytest.raises(DeploymentError, match=f"CloudFormation did not create the stack: {reason}"):
        accounts.enrol("root")


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_FAILED"])
def test_stack_that_can_only_be_deleted_is_named(status: str) -> None:
    accounts = Accounts()
    present(accounts.member, status)
    command = "aws cloudformation delete-stack --stack-name hub-member --region eu-west-1 --profile root"
    with pytest.raises(DeploymentError, match=f"hub-member is {status}; delete it, .*{command}"):
        accounts.enrol("root")


def test_stack_that_is_changing_is_left_alone() -> None:
    accounts = Accounts()
    present(accounts.member, "UPDATE_IN_PROGRESS")
    with pytest.raises(DeploymentError, match="wait until that ends"):
        accounts.enrol("root")


def test_account_of_the_hub_needs_no_stack() -> None:
    accounts = Accounts()
    accounts.identity["root"] = HUB
    with pytest.raises(DeploymentError, match=f"the profile root is in the hub's own account {HUB}"):
        accounts.enrol("root")


def test_stack_of_one_account_is_created_after_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    accounts = Accounts()
    accounts.member.refuses(*NO_STACK)
    accounts.enrol("root", agrees=False)
    output = capsys.readouterr().out
    assert [words[2] for words in commands(output)] == ["create-stack"]
    assert "Nothing was run. " in output


# The command line


@pytest.mark.parametrize(("text", "boundary"), [("", None), ("PermissionsBoundaryArn=", "")])
def test_boundary_may_be_absent_or_empty(text: str, boundary: str | None) -> None:
    assert parse_boundary(text) == boundary
    assert parse_boundary(f"PermissionsBoundaryArn='{BOUNDARY}'") == BOUNDARY


WRONG = {
    "ExternalId=abc": "ExternalId comes from the hub; change it with make deploy",
    "RetentionDays=365": "the template has no parameter RetentionDays; it has HubAccountId",
    "PermissionsBoundaryArn=limits": "PermissionsBoundaryArn in PARAMETERS is 'limits': it must be the ARN",
    "limits": "'limits' is not Name=value",
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.items())
def test_wrong_parameter_ends_with_an_error(text: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--parameters", text]) == 1
    assert capsys.readouterr().err.startswith(f"error: {sentence}")


@pytest.mark.parametrize("arguments", [["--region"], ["any"], ["--profile"]])
def test_wrong_usage_has_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m local.member" in capsys.readouterr().err


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    for sentence in ("--stack STACK name of", "--profile PROFILE enrol only", "--yes run the commands without"):
        assert sentence in words
    assert "--parameters PARAMETERS 'PermissionsBoundaryArn=arn:aws:iam::*:policy/name'" in words


def test_every_parameter_of_member_yaml_is_given() -> None:
    assert {*MEMBER_PARAMETERS, "PermissionsBoundaryArn"} == member_template()["Parameters"].keys()
