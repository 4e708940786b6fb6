"""CloudFormation's resolution of the template for given parameters and partition.

Covers the functions and resource types that the template uses, and refuses all others.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.support.template import member_template, template

ACCOUNT = "123456789012"
NAME = "ec2-task-reporter"
NO_VALUE = object()
SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
REGIONS = {"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{place}:table/{name}",
    "AWS::SNS::Topic": "sns:{place}:{name}",
    "AWS::SQS::Queue": "sqs:{place}:{name}",
    "AWS::Events::Rule": "events:{place}:rule/{name}",
    "AWS::Logs::LogGroup": "logs:{place}:log-group:{name}:*",
    "AWS::Serverless::Function": "lambda:{place}:function:{name}",
    "AWS::Scheduler::ScheduleGroup": "scheduler:{place}:schedule-group/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::CloudWatch::Alarm": "cloudwatch:{place}:alarm:{name}",
}
"""Resource type → its ARN after the partition."""
APART = {"Condition", "Metadata"}
"""Elements of a resource that are no part of what is deployed."""


class Stack:
    """One deployed stack.

    parameters  values by name, in place of the template's defaults
    partition   one of ``REGIONS``, which also gives the region
    """

    template = staticmethod(template)

    def __init__(self, partition: str = "aws", **parameters: str) -> None:
        declared = self.template()["Parameters"]
        if unknown := parameters.keys() - declared.keys():
            raise ValueError(f"the template has no parameter {unknown}")
        if missing := [name for name in declared if "Default" not in declared[name] and name not in parameters]:
            raise ValueError(f"no value for the parameter {missing}")
        given = {name: str(parameters.get(name, declared[name].get("Default"))) for name in declared}
        self.parameters: dict[str, Any] = {
            name: [part.strip() for part in text.split(",")] if declared[name]["Type"] == "CommaDelimitedList" else text
            for name, text in given.items()
        }
        self.partition, self.region = partition, REGIONS[partition]
        self._references = set[str]()
        self.pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": partition,
            "AWS::Region": self.region,
            "AWS::StackName": NAME,
            "AWS::URLSuffix": SUFFIXES[partition],
            "AWS::NoValue": NO_VALUE,
        }

    def properties(self, logical_id: str) -> dict[str, Any]:
        resolved = self.resolve(self.template()["Resources"][logical_id]["Properties"])
        assert isinstance(resolved, dict)
        return resolved

    def exists(self, logical_id: str) -> bool:
        """Tell whether the stack has a resource, by the condition of the resource."""
        condition = self.template()["Resources"][logical_id].get("Condition")
        return condition is None or self.condition(condition)

    def resources(self) -> dict[str, Any]:
        """Return the resolved resources of the stack, with SAM's globals of functions.

        Raises ValueError for a reference to a resource that does not exist, as CloudFormation refuses it.
        """
        self._references.clear()
        declared = self.template()["Resources"]
        existing = {
            name: self.resolve({key: value for key, value in declared[name].items() if key not in APART})
            for name in declared
            if self.exists(name)
        }
        if missing := {name for name in self._references if not self.exists(name)}:
            raise ValueError(f"references to resources that do not exist: {sorted(missing)}")
        return existing | {"Globals": self.resolve(self.template().get("Globals", {}))}

    def broken_rules(self) -> list[str]:
        """Return the rules that the parameters break."""
        return [
            name
            for name, rule in self.template().get("Rules", {}).items()
            if self.resolve(rule["RuleCondition"])
            and not all(self.resolve(assertion["Assert"]) for assertion in rule["Assertions"])
        ]

    def output(self, name: str) -> str:
        text = self.resolve(self.template()["Outputs"][name]["Value"])
        assert isinstance(text, str)
        return text

    def condition(self, name: str) -> bool:
        holds = self.resolve(self.template()["Conditions"][name])
        assert isinstance(holds, bool)
        return holds

    def ref(self, logical_id: str) -> Any:
        """Return the value of ``Ref``: a topic's ARN, a queue's URL, else a name."""
        if logical_id in self.pseudo:
            return self.pseudo[logical_id]
        if logical_id in self.parameters:
            return self.parameters[logical_id]
        self._references.add(logical_id)
        kind = self.template()["Resources"][logical_id]["Type"]
        if kind == "AWS::SNS::Topic":
            return self.arn(logical_id)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.{self.pseudo['AWS::URLSuffix']}/{ACCOUNT}/{NAME}-{logical_id}"
        return f"{NAME}-{logical_id}"

    def arn(self, logical_id: str) -> str:
        form = ARNS[self.template()["Resources"][logical_id]["Type"]]
        place, name = f"{self.region}:{ACCOUNT}", f"{NAME}-{logical_id}"
        return f"arn:{self.partition}:" + form.format(place=place, account=ACCOUNT, name=name)

    def attribute(self, logical_id: str, name: str) -> str:
        self._references.add(logical_id)
        if name == "Arn":
            return self.arn(logical_id)
        if name == "StreamArn":
            return f"{self.arn(logical_id)}/stream/2026-11-23T12:00:00.000"
        if name in {"QueueName", "TopicName"}:
            return f"{NAME}-{logical_id}"
        raise ValueError(f"not modelled: {logical_id}.{name}")

    def resolve(self, node: Any) -> Any:
        """Return ``node`` with every function replaced by its value."""
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref":
                return self.ref(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name.startswith("Fn::"):
                return self._call(name.removeprefix("Fn::"), argument)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        if function == "If":
            condition, then, otherwise = argument
            return self.resolve(then if self.condition(condition) else otherwise)
        if function == "GetAtt":
            return self.attribute(*argument)
        if function == "Sub":
            text, variables = argument if isinstance(argument, list) else (argument, {})
            return self._substitute(text, self.resolve(variables))
        values = self.resolve(argument)
        if function == "Equals":
            return values[0] == values[1]
        if function == "Not":
            return not values[0]
        if function == "And" and 2 <= len(values) <= 10:
            return all(values)
        if function == "Or" and 2 <= len(values) <= 10:
            return any(values)
        if function == "Join":
            return values[0].join(values[1])
        if function == "Split":
            return values[1].split(values[0])
        if function == "Select":
            return values[1][int(values[0])]
        raise ValueError(f"not modelled: Fn::{function}")

    def _substitute(self, text: str, variables: Mapping[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            name, _, attribute = found[1].partition(".")
            if name in variables:
                return variables[name]
            return str(self.attribute(name, attribute) if attribute else self.ref(name))

        return re.sub(r"\$\{([\w:.]+)\}", value, text)


class MemberStack(Stack):
    """The stack of a member account."""

    template = staticmethod(member_template)


HUB = {"OrganizationId": "o-a1b2c3d4e5", "ExternalId": "hub-2026"}
"""Parameters that make a stack a hub."""


def stream_mapping(**parameters: str) -> dict[str, Any]:
    """Return the properties of the notifier's stream mapping."""
    found: dict[str, Any] = Stack(**parameters).properties("NotifierFunction")["Events"]["History"]["Properties"]
    return found
