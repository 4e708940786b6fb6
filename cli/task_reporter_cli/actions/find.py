"""Finding one task by what a person calls it."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import click

from task_reporter.history.rows import ACCOUNT, REGION, Key, account_and_region
from task_reporter_cli.errors import NoTaskError, RefusedError
from task_reporter_cli.history.items import Item
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.reader import QueryResults, TaskQuery, read_task, translate_table_errors
from task_reporter_cli.history.scopes import find_scopes
from task_reporter_cli.history.target import Target

RECENT_ROWS = 50
"""Number of the newest rows that are searched for further scopes."""
MAX_ID_BYTES = 1024
"""Bytes. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
SCOPED_ID = re.compile(rf"(?P<account>.+)/(?P<region>{REGION.pattern})/(?P<task>.+)")
"""Account, region and id of a task.

A name and an id may have slashes of their own, and a name also a region.
"""


def find_task(target: Target, named: str, place: Place) -> Item:
    """Return the row of ``named``: a task's id, or ``<account>/<region>/<id>``.

    Without an account, it is looked for in the scopes of the stack, of the newest tasks and of running tasks. Raises
    NoTaskError, NoAccountError and botocore's errors.
    """
    task, place = split_name(named, place)
    if not is_valid_id(task):
        raise NoTaskError(
            f"{named!r} can't be the id of a task; `task-reporter list{target.flags}` shows what there is"
        )
    looked: list[Key] = []
    for scopes in scopes_to_search(target, place):
        keys = [key for key in dict.fromkeys(Key(scope, task) for scope in scopes) if key not in looked]
        if row := _read_first(target, keys):
            return row
        looked += keys
    raise NoTaskError(f"no task {named!r} in the history of {target.name}: {_explain(target, looked, place)}")


def split_name(named: str, place: Place) -> tuple[str, Place]:
    """Return the id in ``named``, and its place where ``named`` has that too.

    Raises UsageError where the place is given twice.
    """
    match = SCOPED_ID.fullmatch(named)
    if not match:
        return named, place
    if place != Place():
        raise click.UsageError(f"{named!r} names its account and region, so leave out --account and --task-region.")
    return match["task"], Place((match["account"],), (match["region"],))


def _read_first(target: Target, keys: Sequence[Key]) -> Item | None:
    """Return the first of ``keys`` that is there, complete; one read finds it."""
    if len(keys) > 1:
        with translate_table_errors(target.dynamodb, target.table):
            rows = target.history.read(keys)
        keys = [key for key in keys if key in rows]
    return read_task(target.dynamodb, target.table, keys[0]) if keys else None


def _explain(target: Target, looked: Sequence[Key], place: Place) -> str:
    """Say where was looked, and what else can be tried."""
    listed, shown = f"`task-reporter list{target.flags}`", _name_commands(target)
    if not looked:
        where, more = "it is empty", f"`{target.status_command}` shows when EC2 was last asked"
    elif len(looked) == 1:
        where, more = f"nothing under {looked[0].scope}", shown
    elif place.accounts:
        where, more = f"nothing under the {len(looked)} regions of {', '.join(place.accounts)}", shown
    else:
        where = f"nothing under the {len(looked)} accounts and regions of the newest and the running tasks"
        more = f"name its account with --account, or the task as <account>/<region>/<id>, as {listed} has them"
    soon = "up to QuietMinutes later" if target.stack and target.stack.is_hub else "after the next poll"
    return f"{where}; {more}; a task that just began is there {soon}"


def _name_commands(target: Target) -> str:
    """Name the commands that show tasks, and in a hub accounts."""
    text = f"`task-reporter list{target.flags}` shows what there is"
    if target.stack and target.stack.is_hub:
        text += f", `task-reporter accounts{target.flags}` what is not watched"
    return text


def explain_no_tasks(target: Target, filtered: bool) -> str:
    """Explain an empty result to a person.

    ``filtered`` tells that a filter may have excluded tasks.
    """
    if filtered:
        return f"No such task in the history of {target.name}; {_name_commands(target)}."
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


def scopes_to_search(target: Target, place: Place) -> Iterator[Sequence[str]]:
    """Yield the scopes of ``place``, or without an account the likely ones."""
    if not place.accounts:
        yield from likely_scopes(target, place.regions)
    elif place.regions and all(map(ACCOUNT.fullmatch, place.accounts)):  # the roster has nothing to add
        yield [f"{account}/{region}" for account in place.accounts for region in place.regions]
    else:
        yield find_scopes(target, place)


def likely_scopes(target: Target, regions: Sequence[str] = ()) -> Iterator[list[str]]:
    """Yield scopes in which a task may be, the most likely ones first.

    They are found without reading all of the history. A scope may be repeated.
    """
    if target.stack:
        yield [f"{target.stack.account}/{region}" for region in regions or [target.stack.region]]
    for question in (TaskQuery(limit=RECENT_ROWS), TaskQuery(running=True)):
        rows = QueryResults(target.dynamodb, target.table, question)
        yield [str(row["scope"]) for row in rows if not regions or account_and_region(row)[1] in regions]


def first_scope(target: Target) -> str:
    """Return the scope of the stack, or of the newest row.

    Raises RefusedError where neither is known.
    """
    if scope := next(chain.from_iterable(likely_scopes(target)), None):
        return scope
    raise RefusedError(f"{target.name} is empty, so it can't be told which account and region it is of; give --stack")
