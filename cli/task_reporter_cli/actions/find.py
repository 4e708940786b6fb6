"""Finding one task by what a person calls it."""

import re
from collections.abc import Iterator

from task_reporter.history.rows import Key
from task_reporter_cli.errors import NoTaskError, RefusedError
from task_reporter_cli.history.items import Item
from task_reporter_cli.history.reader import QueryResults, TaskQuery, read_task
from task_reporter_cli.history.target import Target

RECENT_ROWS = 50
"""Number of the newest rows that are searched for further scopes."""
MAX_ID_BYTES = 1024
"""Bytes. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
SCOPED_ID = re.compile(r"(\d{12}/[a-z0-9-]+)/(.+)")


def find_task(target: Target, named: str) -> Item:
    """Return the row of ``named``: a task's id, or ``<account id>/<region>/<id>``.

    Raises NoTaskError and botocore's errors.
    """
    if not is_valid_id(named):
        raise NoTaskError(
            f"{named!r} can't be the id of a task; `task-reporter list{target.flags}` shows what there is"
        )
    looked: list[str] = []
    for key in candidate_keys(target, named):
        if row := read_task(target.dynamodb, target.table, key):
            return row
        looked.append(key.scope)
    if len(looked) > 1:
        where = f"nothing under the {len(looked)} accounts and regions of the newest tasks"
        more = f"name it as <account id>/<region>/<id>, as `task-reporter list{target.flags}` has them"
    elif looked:
        where, more = f"nothing under {looked[0]}", f"`task-reporter list{target.flags}` shows what there is"
    else:
        where, more = "it is empty", f"`{target.status_command}` shows when EC2 was last asked"
    soon = "up to QuietMinutes later" if target.stack and target.stack.is_hub else "after the next poll"
    further = f"{more}, and a task that just began is there {soon}"
    raise NoTaskError(f"no task {named!r} in the history of {target.name}: {where}; {further}")


def explain_no_tasks(target: Target, filtered: bool) -> str:
    """Explain an empty result to a person.

    ``filtered`` tells that a filter may have excluded tasks.
    """
    if filtered:
        return f"No such task in the history of {target.name}; `task-reporter list{target.flags}` shows what there is."
    return (
        f"The history of {target.name} is empty: nothing was recorded yet; `{target.status_command}` shows when EC2 was"
        " last asked."
    )


def is_valid_id(named: str) -> bool:
    """Tell whether DynamoDB takes the key: not empty, not too long, only Unicode."""
    try:
        return 0 < len(named.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False


def candidate_keys(target: Target, named: str) -> Iterator[Key]:
    """Yield the keys that ``named`` may mean.

    The stack's own scope comes first, then the scopes of the newest rows.
    """
    if match := SCOPED_ID.fullmatch(named):
        yield Key(match[1], match[2])
        return
    seen = set()
    for scope in iterate_scopes(target):
        if scope not in seen:
            seen.add(scope)
            yield Key(scope, named)


def iterate_scopes(target: Target) -> Iterator[str]:
    """Yield scopes of the history, found without reading all of it.

    A scope may be repeated.
    """
    if target.stack:
        yield target.stack.scope
    for row in QueryResults(target.dynamodb, target.table, TaskQuery(limit=RECENT_ROWS)):
        yield row["scope"]


def first_scope(target: Target) -> str:
    """Return the scope of the stack, or of the newest row.

    Raises RefusedError where neither is known.
    """
    if scope := next(iterate_scopes(target), None):
        return scope
    raise RefusedError(f"{target.name} is empty, so it can't be told which account and region it is of; give --stack")
