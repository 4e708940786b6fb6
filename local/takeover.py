"""Lets a new stack take over a history table that an old stack left behind.

python -m local.takeover --table ec2-task-reporter-HistoryTable-ABC --stack ec2-task-reporter

CloudFormation imports the table into a new stack that holds nothing else; `make deploy` then adds the rest. Rows that
were told stay told: what is announced is decided by the row, and the row stays.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-new-stack.html
"""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from botocore.session import Session

from local.template import load

TABLE = "HistoryTable"
CHANGE_SET = "take-over-history"


class TakeoverProblem(Exception):
    """The table could not be taken over; the text says why and what to do."""


def main() -> int:
    """Take over the table that the command line names; 0 where the new stack has it."""
    parser = argparse.ArgumentParser(prog="python -m local.takeover", description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, help="name of the table that stayed")
    parser.add_argument("--stack", default="ec2-task-reporter", help="name of the new stack (ec2-task-reporter)")
    parser.add_argument("--parameters", default="", help="as for the deployment, such as 'KmsKeyArn=…'")
    asked = parser.parse_args()
    if not asked.table:
        parser.error("which table? make takeover TABLE=name; `aws dynamodb list-tables` lists them")
    parameters = dict(pair.split("=", 1) for pair in shlex.split(asked.parameters) if "=" in pair)
    session = Session()
    try:
        check(session.create_client("dynamodb"), asked.table)
        take_over(session.create_client("cloudformation"), asked.table, asked.stack, parameters)
    except (TakeoverProblem, BotoCoreError, ClientError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"The stack {asked.stack} now owns the table {asked.table}.")
    return 0


def check(dynamodb: Any, table: str) -> None:
    """Raise TakeoverProblem where ``table`` is no history that a stack of this version can use."""
    try:
        found = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        raise TakeoverProblem(f"there is no table {table} in this account and region") from None
    properties = load()["Resources"][TABLE]["Properties"]
    if found["KeySchema"] != properties["KeySchema"]:
        raise TakeoverProblem(f"the table {table} is no history: its key is not scope and task_id")
    missing = {index["IndexName"] for index in properties["GlobalSecondaryIndexes"]}
    missing -= {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])}
    if missing:
        raise TakeoverProblem(f"the table {table} lacks the indexes {', '.join(sorted(missing))}")


def take_over(cloudformation: Any, table: str, stack: str, parameters: Mapping[str, str]) -> None:
    """Import ``table`` into the new stack ``stack``. Raises TakeoverProblem with CloudFormation's own reason."""
    if exists(cloudformation, stack):
        raise TakeoverProblem(f"there is a stack {stack} already; say make takeover STACK=another-name")
    template = table_only(load())
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in parameters.items()
            if name in template["Parameters"]
        ],
        ResourcesToImport=[
            {
                "ResourceType": "AWS::DynamoDB::Table",
                "LogicalResourceId": TABLE,
                "ResourceIdentifier": {"TableName": table},
            }
        ],
    )
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=stack, ChangeSetName=CHANGE_SET, WaiterConfig={"Delay": 2}
        )
        cloudformation.execute_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
        cloudformation.get_waiter("stack_import_complete").wait(StackName=stack, WaiterConfig={"Delay": 2})
    except WaiterError as error:
        reason = error.last_response.get("StatusReason") or str(error)
        raise TakeoverProblem(f"CloudFormation did not import {table}: {reason}") from None


def exists(cloudformation: Any, stack: str) -> bool:
    """Whether a stack of that name exists; one that never got further than a review does not."""
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return False
    return bool(found[0]["StackStatus"] != "REVIEW_IN_PROGRESS")


def table_only(template: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``template`` that describes the table: an import may hold nothing that is not imported."""
    resource = {key: value for key, value in template["Resources"][TABLE].items() if key != "Metadata"}
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Parameters": {"KmsKeyArn": template["Parameters"]["KmsKeyArn"]},
        "Conditions": {"HasKey": template["Conditions"]["HasKey"]},
        "Resources": {TABLE: resource},
    }


if __name__ == "__main__":
    sys.exit(main())
