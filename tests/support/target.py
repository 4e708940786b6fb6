"""The history of a stack or of a table, in the fake DynamoDB."""

from task_reporter_cli.history.stack import Stack
from task_reporter_cli.history.target import Target
from tests.support.dynamodb import Table


def target_on(table: Table, scope: str = "", **parameters: str) -> Target:
    """Return ``table`` as a target, or that of a stack in ``scope``."""
    account, _, region = (scope or "/eu-west-1").partition("/")
    arn = f"arn:aws:cloudformation:{region}:{account}:stack/mine/1"
    stack = Stack("mine", arn, "CREATE_COMPLETE", {"HistoryTableName": "history"}, parameters)
    target = Target("mine" if scope else None, None if scope else "history", None, region)
    vars(target).update(dynamodb=table.client, stack=stack if scope else None)
    return target
