"""Accounts that a person names, and their scopes in the history."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain, islice

from task_reporter.history.backlog import query_rows
from task_reporter.history.rows import ACCOUNT, REGION, ROSTER_SCOPE, Row, to_attribute
from task_reporter.history.table import HistoryTable
from task_reporter.organization.members import NAMES_KEY, Member, member_key, parse_names
from task_reporter.recording.roster import parse_lists
from task_reporter_cli.errors import NoAccountError
from task_reporter_cli.history.place import Place
from task_reporter_cli.history.reader import translate_table_errors
from task_reporter_cli.history.target import Target

MAX_SIMILAR = 3
"""Similar accounts that an error names."""


def find_scopes(target: Target, place: Place) -> tuple[str, ...]:
    """Return the scopes of the accounts of ``place``, grouped by account.

    Without regions these are all regions that the roster knows; without accounts there are no scopes. Raises
    NoAccountError and botocore's errors.
    """
    if not place.accounts:
        return ()
    with translate_table_errors(target.dynamodb, target.table):
        rows = find_rows(target, place.accounts)
    own = target.account.region or ""
    return tuple(
        f"{account}/{region}" for account, row in rows.items() for region in place.regions or regions_of(row, own)
    )


def regions_of(row: Row, own: str) -> list[str]:
    """Return the regions of an account by its row, and the stack's ``own``."""
    member = Member("", row, parse_lists(row))
    return sorted({region for region in (*member.regions, *member.lists, own) if REGION.fullmatch(region)})


def find_rows(target: Target, named: Sequence[str]) -> dict[str, Row]:
    """Return the rows of the accounts that are ``named`` by id or name.

    A name may be that of several accounts. Only names need the whole roster. The stack's own account may have no row
    yet. Raises NoAccountError and botocore's errors.
    """
    ids = [account for account in named if ACCOUNT.fullmatch(account)]
    rows = {target.stack.account: Row()} if target.stack else {}
    rows |= _read_rows(target.history, ids)
    names = read_names(target.history) if not rows.keys() >= set(named) else {}
    wanted = list(dict.fromkeys(chain.from_iterable(find_ids(account, rows, names) for account in named)))
    rows |= _read_rows(target.history, [account for account in wanted if account not in rows])
    return {account: rows[account] for account in wanted}


def _read_rows(history: HistoryTable, ids: Iterable[str]) -> dict[str, Row]:
    return {key.task_id: row for key, row in history.read(map(member_key, ids)).items()}


def find_ids(named: str, known: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Return the account that is ``named`` by its id, else those with this name.

    Raises NoAccountError.
    """
    if named in known:
        return [named]
    found = [account for account, name in names.items() if name.casefold() == named.casefold()]
    if not found:
        raise _unknown_account(named, names)
    return found


def _unknown_account(named: str, names: Mapping[str, str]) -> NoAccountError:
    """Return the error about an unknown account; ``names`` has the name of each id."""
    texts = {text.casefold(): text for text in (*names, *names.values()) if text}
    similar = [texts[match] for match in get_close_matches(named.casefold(), texts, MAX_SIMILAR)]
    hint = f"similar: {', '.join(similar)}" if similar else "give an id of 12 digits, or its name in Organizations"
    return NoAccountError(f"no account {named!r} in the roster; {hint}")


def read_names(history: HistoryTable) -> dict[str, str]:
    """Return the name of each account in the roster by id.

    It is empty where Organizations has none. One row has all names, unless they are too many. Raises botocore's errors.
    """
    if names := parse_names(history.read([NAMES_KEY]).get(NAMES_KEY)):
        return names
    request = {
        "KeyConditionExpression": "#scope = :scope",
        "ProjectionExpression": "#scope, task_id, #name",
        "ExpressionAttributeNames": {"#scope": "scope", "#name": "name"},
        "ExpressionAttributeValues": {":scope": to_attribute(ROSTER_SCOPE)},
    }
    rows = query_rows(history, request, "reading the roster")
    return {str(row["task_id"]): str(row.get("name", "")) for row in rows if ACCOUNT.fullmatch(str(row["task_id"]))}


def read_first_rows(history: HistoryTable, count: int) -> list[Row]:
    """Return the regions and lists of at most ``count`` accounts of the roster.

    Raises botocore's errors.
    """
    request = {
        "KeyConditionExpression": "#scope = :scope",
        "ProjectionExpression": "task_id, #regions, #lists",
        "ExpressionAttributeNames": {"#scope": "scope", "#regions": "regions", "#lists": "lists"},
        "ExpressionAttributeValues": {":scope": to_attribute(ROSTER_SCOPE)},
        "Limit": count,
    }
    rows = islice(query_rows(history, request, "reading the roster"), count)
    return [row for row in rows if ACCOUNT.fullmatch(str(row["task_id"]))]
