"""The stack as CloudFormation describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from task_reporter_cli.errors import NoStackError


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack."""

    name: str
    arn: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def scope(self) -> str:
        """``<account id>/<region>``, where the stack stands."""
        # arn:aws:cloudformation:<region>:<account id>:stack/<name>/<id>
        _, _, _, region, account, _ = self.arn.split(":", 5)
        return f"{account}/{region}"

    @property
    def account(self) -> str:
        """The id of the stack's account."""
        return self.scope.partition("/")[0]

    @property
    def region(self) -> str:
        """The stack's region."""
        return self.scope.partition("/")[2]

    @property
    def event_bus(self) -> str:
        """The bus that gets events; empty for none, as in older stacks."""
        return self.parameters.get("EventBusName", "")

    @property
    def is_hub(self) -> bool:
        """True if the stack watches an organization."""
        return bool(self.parameters.get("OrganizationId"))

    def output(self, name: str) -> str:
        """One of the stack's outputs. Raises NoStackError where it has none of that name."""
        if name not in self.outputs:
            raise NoStackError(
                f"stack {self.name} ({self.status}) has no output {name}, so it is not ec2-task-reporter,"
                " or its deployment did not finish; name another with --stack, or a table with --table"
            )
        return self.outputs[name]


def find_stack(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """Describe a stack as CloudFormation does; None where there is none.

    Only CloudFormation's "does not exist" means that; every other error of botocore's is raised as it is.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    """
    try:
        stacks: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if not _is_missing(error):
            raise
        return None
    return stacks[0] if stacks else None


def describe_stack(cloudformation: Any, name: str) -> Stack:
    """Describe the stack ``name``. Raises NoStackError and botocore's errors."""
    stack = find_stack(cloudformation, name)
    if stack is None:
        region = cloudformation.meta.region_name
        raise NoStackError(
            f"no stack {name!r} in {region}; name another with --stack or TASK_REPORTER_STACK, another place with"
            " --region or --profile, or a table with --table"
        )
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {
        parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in stack.get("Parameters", [])
    }
    return Stack(stack["StackName"], stack["StackId"], stack["StackStatus"], outputs, parameters)


def _is_missing(error: ClientError) -> bool:
    """CloudFormation has no code of its own for this."""
    told = error.response["Error"]
    return told["Code"] == "ValidationError" and "does not exist" in told.get("Message", "")
