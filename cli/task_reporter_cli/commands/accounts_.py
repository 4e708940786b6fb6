"""``task-reporter accounts``."""

import sys

import click

from task_reporter.times import now
from task_reporter_cli.completion import complete_accounts
from task_reporter_cli.history.target import Target
from task_reporter_cli.options import output_option, with_target
from task_reporter_cli.organization.states import STATES


@click.command("accounts")
@click.option("--all", "show_all", is_flag=True, help="Also watched accounts, and denials that are accepted.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    shell_complete=complete_accounts,
    metavar="NAME-OR-ID",
    help="This account, by id or name. Can be repeated.",
)
@click.option(
    "--state",
    "wanted",
    multiple=True,
    type=click.Choice(list(STATES), case_sensitive=False),
    help="In this state. Can be repeated.",
)
@output_option
@with_target
def command(target: Target, show_all: bool, accounts: tuple[str, ...], wanted: tuple[str, ...], output: str) -> None:
    """Accounts of the organization that are not watched completely.

    Each account has one line, or one for each of its states: since when, in which regions or lists, and the last
    poll. Accounts with the same state stand together, with what to do. A table shows as many of each state as fit on
    the screen; --all, --account and --state show all. Exit status 1 where something is to be done.

    \b
    Examples:
      task-reporter accounts
      task-reporter accounts --account payments
      task-reporter accounts --state no-role --output csv > accounts.csv
      task-reporter accounts --all --output json
    """
    from task_reporter.organization.members import read_roster
    from task_reporter_cli.errors import NoOrganizationError
    from task_reporter_cli.history.reader import translate_table_errors
    from task_reporter_cli.organization.accounts import account_states, summarize
    from task_reporter_cli.organization.hub import read_hub
    from task_reporter_cli.organization.selection import select_states
    from task_reporter_cli.output import accounts as texts
    from task_reporter_cli.output.lines import print_line, print_note

    stack, time = target.needs_stack(), now()
    if not stack.is_hub:
        raise NoOrganizationError(
            f"{target.name} watches one account, not an organization; use {target.status_command}"
        )
    with translate_table_errors(target.dynamodb, target.table):
        members, _ = read_roster(target.history)
    states = account_states(members.values(), read_hub(stack.parameters, stack.region), time)
    selected = select_states(states, accounts, wanted, show_all, time)
    if output == "json":
        texts.write_json(selected, sys.stdout)
    elif output == "csv":
        texts.write_csv(selected, sys.stdout)
    else:
        summary = summarize(states, time)
        if states and not (accounts or wanted):
            print_line(summary)
        screen = None if show_all or accounts or wanted else texts.measure_screen(sys.stdout, summary)
        texts.write_groups(selected, screen, f"task-reporter accounts{target.flags}", sys.stdout)
    is_for_people = output == "table" or sys.stderr.isatty()
    if not members and is_for_people:
        print_note("The roster holds no account yet; the planner writes it in its first round.")
    elif not selected and (accounts or wanted) and is_for_people:
        print_note(f"No such account; `task-reporter accounts{target.flags} --all` shows all.")
    click.get_current_context().exit(1 if any(state.is_problem for state in selected) else 0)
