"""The selection of accounts for the output."""

from collections.abc import Collection, Sequence
from datetime import datetime

from task_reporter_cli.history.scopes import find_ids
from task_reporter_cli.organization.accounts import AccountState


def select_states(
    states: Sequence[AccountState], accounts: Sequence[str], wanted: Collection[str], show_all: bool, now: datetime
) -> list[AccountState]:
    """Return the states to show.

    ``accounts`` are ids or names, and ``wanted`` are states; without them, and unless all are to be shown, only what
    is news. Raises NoAccountError for an account that the roster does not hold.
    """
    names = {each.account: each.name for each in states}
    ids = {found for account in accounts for found in find_ids(account, names, names)}
    return [
        each
        for each in states
        if (not accounts or each.account in ids)
        and (not wanted or each.state in wanted)
        and (show_all or accounts or (not each.accepted if wanted else each.is_news(now)))
    ]
