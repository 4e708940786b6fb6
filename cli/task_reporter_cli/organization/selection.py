"""The selection of accounts for the output."""

from collections.abc import Collection, Sequence
from datetime import datetime

from task_reporter_cli.history.scopes import unknown_account
from task_reporter_cli.organization.accounts import AccountState


def select_states(
    states: Sequence[AccountState], accounts: Sequence[str], wanted: Collection[str], show_all: bool, now: datetime
) -> list[AccountState]:
    """Return the states to show.

    ``accounts`` are ids or names, and ``wanted`` are states; without them, and unless all are to be shown, only what
    is news. Raises NoAccountError for an account that the roster does not hold.
    """
    found = {account: {each.account for each in states if _is_named(each, account)} for account in accounts}
    for account, ids in found.items():
        if not ids:
            raise unknown_account(account, {each.account: each.name for each in states})
    ids = set().union(*found.values())
    return [
        each
        for each in states
        if (not accounts or each.account in ids)
        and (not wanted or each.state in wanted)
        and (show_all or accounts or (not each.accepted if wanted else each.is_news(now)))
    ]


def _is_named(state: AccountState, account: str) -> bool:
    return account == state.account or account.casefold() == state.name.casefold()
