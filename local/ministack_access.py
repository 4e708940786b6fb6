"""Corrections of ministack's access control, for ``AUTH=true``.

- ministack gives a role's session as ``aws:PrincipalArn``, and IAM the ARN of the role with its path.
- ministack knows the organization of management accounts only, and no ``aws:ResourceOrgID``.
- ministack does not fill ``dynamodb:LeadingKeys`` and ``events:source``.
- ministack asks for actions of their own for SQS's batches; IAM has none.
- This machine has no TLS, so a policy's ``aws:SecureTransport`` would deny every request.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb, iam, organizations

ministack_pin_origin = iam_evaluator.pin_request_origin
ministack_condition_key = iam_evaluator._resolve_condition_key
ministack_dynamodb_context = iam_actions.dynamodb_service_context
ministack_tag_context = iam_actions.request_tag_context
ministack_action = iam_actions.extract_iam_action

SESSION = re.compile(r"arn:[\w-]+:sts::(\d+):assumed-role/([^/]+)/")
EQUALITY = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


def correct_access() -> None:
    """Replace the functions."""
    app.pin_request_origin = lambda address, _secure: ministack_pin_origin(address, True)
    iam_evaluator._resolve_condition_key = condition_key
    iam_evaluator._principal_org_id = organization_of
    iam_actions.dynamodb_service_context = dynamodb_context
    iam_actions.request_tag_context = request_context
    iam_actions.extract_iam_action = action_of


def action_of(service: str, *arguments: Any, **options: Any) -> Any:
    """Return the IAM action of a request; SQS's batches have no own.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    action = ministack_action(service, *arguments, **options)
    return action.removesuffix("Batch") if service == "sqs" and isinstance(action, str) else action


def condition_key(key: str, context: Any) -> Any:
    """Return the value of a condition key, with a role's ARN for its sessions.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    if key.lower() == "aws:resourceorgid":
        return organization_of(ministack_condition_key("aws:ResourceAccount", context))
    value = ministack_condition_key(key, context)
    if key.lower() == "aws:principalarn" and (session := SESSION.match(value)):
        account, name = session.groups()
        return (iam._roles.get_scoped(account, None, name) or {}).get("Arn", value)
    return value


def organization_of(account: str) -> str | None:
    """Return the id of the organization to which an account belongs."""
    for management, member in list(organizations._accounts._data):
        if member == account:
            return str(organizations._orgs.get_scoped(management, None, "self")["Id"])
    return None


def dynamodb_context(body: bytes) -> dict[str, Any]:
    """Return the condition keys of a request to DynamoDB, with its partition keys.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    """
    context: dict[str, Any] = ministack_dynamodb_context(body)
    keys = list(leading_keys(parse(body)))
    return context | ({"dynamodb:LeadingKeys": keys} if keys else {})


def request_context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the condition keys of a request, with the sources of events.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    context: dict[str, Any] = ministack_tag_context(service, action, body, parameters)
    entries = parse(body).get("Entries", []) if action == "events:PutEvents" else []
    return context | ({"events:source": [entry.get("Source", "") for entry in entries]} if entries else {})


def parse(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; return an empty one for anything else."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def leading_keys(request: dict[str, Any]) -> Iterator[str]:
    """Yield the values of the partition keys in a request."""
    for table, part in parts(request):
        schemas = key_schemas(table)
        name = schemas.get(part.get("IndexName"))
        for item in (part.get("Item"), part.get("Key"), *part.get("Keys", [])):
            if item and name in item:
                yield text_of(item[name])
        names, values = part.get("ExpressionAttributeNames", {}), part.get("ExpressionAttributeValues", {})
        for left, right in EQUALITY.findall(part.get("KeyConditionExpression", "")):
            if names.get(left, left) == name:
                yield text_of(values[right])


def parts(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each table of a request, with the request's part about it."""
    if "TableName" in request:
        yield request["TableName"], request
    for action in request.get("TransactItems", []):
        for part in action.values():
            yield part["TableName"], part
    for table, part in request.get("RequestItems", {}).items():
        for each in part if isinstance(part, list) else [{"": part}]:
            for inner in each.values():
                yield table, inner


def key_schemas(table: str) -> dict[str | None, str]:
    """Return the partition key's name for the table (None) and for each index."""
    description = dynamodb._tables.get(table.rsplit("/", 1)[-1]) or {}
    indexes = [*description.get("GlobalSecondaryIndexes", []), *description.get("LocalSecondaryIndexes", [])]
    schemas = {None: description, **{index["IndexName"]: index for index in indexes}}
    return {
        name: key["AttributeName"]
        for name, schema in schemas.items()
        for key in schema.get("KeySchema", [])
        if key["KeyType"] == "HASH"
    }


def text_of(value: dict[str, Any]) -> str:
    """Return the text of a typed value, such as ``{"S": "a"}``."""
    return str(next(iter(value.values())))
