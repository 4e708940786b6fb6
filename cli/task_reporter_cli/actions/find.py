"""Finding one task by what a person calls it."""

import re
from collections.abc import Iterator

from task_reporter.history.rows import Key
from task_reporter_cli.errors import NoTaskError, RefusedError
from task_reporter_cli.history.home import Home
from task_reporter_cli.history.items import Item
from task_reporter_cli.history.reader import Answer, Question, read_task

RECENT = 50
"""How many of the newest rows are looked at for further scopes."""
LONGEST_ID = 1024
"""Bytes. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
WITH_SCOPE = re.compile(r"(\d{12}/[a-z0-9-]+)/(.+)")


def find(home: Home, named: str) -> Item:
    """Return the row of ``named``: a task's id, or ``<account id>/<region>/<id>``.

    Raises NoTaskError and botocore's errors.
    """
    if not is_possible(named):
        raise NoTaskError(f"{named!r} can't be the id of a task; `task-reporter list{home.flags}` shows what there is")
    looked: list[str] = []
    for key in candidates(home, named):
        if row := read_task(home.dynamodb, home.table, key):
            return row
        looked.append(key.scope)
    if looked:
        where, more = f"nothing under {' or '.join(looked)}", f"`task-reporter list{home.flags}` shows what there is"
    else:
        where, more = "it is empty", f"`{home.status_command}` shows when EC2 was last asked"
    raise NoTaskError(
        f"no task {named!r} in the history of {home.name}: {where}; {more}, and a task that just began is there after"
        " the next poll"
    )


def explain_absence(home: Home, filtered: bool) -> str:
    """Explain an empty result to a person; ``filtered`` tells that a filter may have excluded tasks."""
    if filtered:
        return f"No such task in the history of {home.name}; `task-reporter list{home.flags}` shows what there is."
    return (
        f"The history of {home.name} is empty: nothing was recorded yet; `{home.status_command}` shows when EC2 was"
        " last asked."
    )


def is_possible(named: str) -> bool:
    """Tell whether a row can have the key: DynamoDB takes no empty or long key, and only Unicode."""
    try:
        return 0 < len(named.encode()) <= LONGEST_ID
    except UnicodeEncodeError:
        return False


def candidates(home: Home, named: str) -> Iterator[Key]:
    """Yield the keys that ``named`` may mean: in the stack's own scope first, then in those of the newest rows."""
    if match := WITH_SCOPE.fullmatch(named):
        yield Key(match[1], match[2])
        return
    seen = set()
    for scope in scopes(home):
        if scope not in seen:
            seen.add(scope)
            yield Key(scope, named)


def scopes(home: Home) -> Iterator[str]:
    """Yield the scopes of the history, as far as they are found without reading all of it; some more than once."""
    if home.stack:
        yield home.stack.scope
    for row in Answer(home.dynamodb, home.table, Question(limit=RECENT)):
        yield row["scope"]


def first_scope(home: Home) -> str:
    """Return the scope of the stack, or of the newest row. Raises RefusedError where neither is known."""
    if scope := next(scopes(home), None):
        return scope
    raise RefusedError(f"{home.name} is empty, so it can't be told which account and region it is of; give --stack")
