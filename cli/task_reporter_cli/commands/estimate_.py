"""``task-reporter estimate``."""

import click

from task_reporter.kinds.table import KINDS
from task_reporter_cli import values

MAX_ACCOUNTS, MAX_REGIONS, MAX_MINUTES = 1_000_000, 100, 30 * 24 * 60


@click.command("estimate")
@click.option(
    "--accounts", type=click.IntRange(1, MAX_ACCOUNTS), required=True, metavar="NUMBER", help="Accounts to watch."
)
@click.option(
    "--regions",
    type=click.IntRange(1, MAX_REGIONS),
    default=17,
    show_default=True,
    metavar="NUMBER",
    help="Enabled regions of each account.",
)
@click.option(
    "--kinds",
    type=click.IntRange(1, len(KINDS)),
    default=len(KINDS),
    show_default=True,
    metavar="NUMBER",
    help="Watched kinds of task.",
)
@click.option(
    "--hot",
    type=float,
    callback=values.parse_share,
    default=0.001,
    show_default=True,
    metavar="SHARE",
    help="Share of the lists in which something happens, from 0 to 1.",
)
@click.option(
    "--quiet-minutes",
    type=click.IntRange(1, MAX_MINUTES),
    default=360,
    show_default=True,
    metavar="MINUTES",
    help="The parameter QuietMinutes.",
)
@click.option(
    "--schedule-minutes",
    type=click.IntRange(1, MAX_MINUTES),
    default=5,
    show_default=True,
    metavar="MINUTES",
    help="The rate of the parameter PollSchedule.",
)
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people, or programs."
)
def command(
    accounts: int, regions: int, kinds: int, hot: float, quiet_minutes: int, schedule_minutes: int, output: str
) -> None:
    """Calculate the calls and the cost of watching an organization.

    EC2's calls are free, but each is an event in the CloudTrail of an account, which GuardDuty and a second trail
    charge for. Needs no AWS account. Not for a stack that watches one account.

    \b
    Examples:
      task-reporter estimate --accounts 1000
      task-reporter estimate --accounts 40 --regions 4 --hot 0.01 --output json
    """
    from datetime import timedelta

    from task_reporter_cli.estimate.calls import Workload
    from task_reporter_cli.estimate.result import to_data, to_lines
    from task_reporter_cli.output.data import to_json
    from task_reporter_cli.output.lines import print_line

    quiet, every = timedelta(minutes=quiet_minutes), timedelta(minutes=schedule_minutes)
    work = Workload(accounts, regions, kinds, hot, quiet, every)
    if output == "json":
        click.echo(to_json(to_data(work), indent=2))
        return
    for line in to_lines(work):
        print_line(line)
