"""Values that a shell completes from the roster: accounts and regions.

Completing never fails, asks nobody for an MFA code, and takes a few seconds at most: else nothing is offered.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import click
from click.shell_completion import CompletionItem

from task_reporter_cli.history.target import Target, read_target

SECONDS = 3.0
"""Longest time that a person waits for a completion."""
SPECIAL = {"": r"([^\w@%+=:,./\x80-\U0010ffff-])", '"': r'(["$`\\])'}
"""Beginning of a word → characters that bash would interpret in it."""
SAMPLE = 100
"""Accounts whose regions are offered if none is named.

The roster of a large hub has megabytes.
"""

Reader = Callable[[Target], Iterable[CompletionItem]]


def complete_accounts(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the accounts whose name or id begins with ``incomplete``."""
    return _read_in_time(context, lambda target: find_accounts(target, incomplete))


def complete_regions(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the regions of the named accounts, or of the first ones."""
    accounts = context.params.get("accounts") or ()
    return _read_in_time(context, lambda target: find_regions(target, accounts, incomplete))


def find_accounts(target: Target, incomplete: str) -> Iterator[CompletionItem]:
    """Yield sorted names, and ids where one was begun or there is none.

    Raises botocore's errors.
    """
    from task_reporter_cli.history.scopes import read_names

    for account, name in sorted(read_names(target.history).items(), key=lambda each: each[1].casefold()):
        if name and name.casefold().startswith(incomplete.casefold()):
            yield CompletionItem(_escape(name), help=account)
        elif account.startswith(incomplete):
            yield CompletionItem(account, help=name)


def find_regions(target: Target, accounts: Sequence[str], incomplete: str) -> Iterator[CompletionItem]:
    """Yield the regions of ``accounts``, or of the first ones.

    Raises NoAccountError and botocore's errors.
    """
    from task_reporter_cli.history.scopes import find_rows, read_first_rows, regions_of

    rows = find_rows(target, accounts).values() if accounts else read_first_rows(target.history, SAMPLE)
    own = target.account.region or ""
    names = {region for row in rows for region in regions_of(row, own)}
    return (CompletionItem(name) for name in sorted(names) if name.startswith(incomplete))


def _escape(name: str) -> str:
    """Escape a name for bash; other shells do it themselves."""
    from task_reporter_cli.commands.completion_ import VARIABLE

    if not os.environ.get(VARIABLE, "").startswith("bash"):
        return name
    quote = os.environ["COMP_WORDS"].split("\n")[int(os.environ["COMP_CWORD"])][:1]
    special = SPECIAL.get(quote, SPECIAL[""])
    name = name.replace("'", r"'\''") if quote == "'" else re.sub(special, r"\\\1", name)
    # click's function for bash reads the answer by `read` without -r, which takes one level of backslashes.
    return name.replace("\\", "\\\\")


def _read_in_time(context: click.Context, read: Reader) -> list[CompletionItem]:
    from task_reporter_cli.actions.retrier import start_in_thread

    try:
        with _silence():
            target = read_target(context, is_quiet=True)
            return start_in_thread(lambda: list(read(target))).result(SECONDS)
    except Exception:
        return []


@contextmanager
def _silence() -> Iterator[None]:
    """Discard standard error, also of programs that get credentials."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
