"""The entry point: runs a command, and turns whatever goes wrong into one line and an exit status."""

import gc
import io
import os
import sys
from collections.abc import Sequence

import click

from task_reporter import __version__
from task_reporter_cli.crt import leave_out_awscrt
from task_reporter_cli.lazy import LazyGroup
from task_reporter_cli.options import where_options

INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
@where_options
def cli() -> None:
    """Ask the history of EC2's long-running tasks, and look after the reporter that keeps it.

    The history is found by the name of the CloudFormation stack, or given as a table. Credentials and region come
    from where every AWS tool takes them.

    \b
    Example:
      task-reporter list --outcome failed --since 7d
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    Exit status 0: done; 1: it could not be done, said in one line on standard error; 2: the command line was wrong.
    ``wait`` and ``status`` add their own.
    """
    # Most of a short run is imports, whose objects all stay: looking for garbage among them is a tenth of the time.
    gc.set_threshold(50_000)
    leave_out_awscrt()
    _speak_utf8()
    try:
        status = cli.main(arguments, prog_name="task-reporter", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        status = INTERRUPTED
    except BrokenPipeError:  # whoever read from us has seen enough
        status = 1
        _drop_unwritten()
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        status = help_wanted.exit_code
        click.echo(help_wanted.format_message(), err=True)
    except click.ClickException as problem:
        status = problem.exit_code
        _say(_usage(problem) if isinstance(problem, click.UsageError) else problem.format_message())
    except Exception as error:
        from task_reporter_cli.explanations import explained  # costs time, and is seldom needed

        if os.environ.get("TASK_REPORTER_DEBUG"):
            raise
        status = 1
        _drop_unwritten()
        _say(explained(error))
    sys.exit(status or 0)


def _speak_utf8() -> None:
    """Files and pipes get UTF-8 whatever the locale is; a terminal that has other letters gets ``?`` for some."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")


def _drop_unwritten() -> None:
    """What can't be written is not tried again by the interpreter's own last flush, which would complain too."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    from task_reporter_cli.output.columns import one_line

    click.echo(one_line(f"error: {' '.join(text.split())}"), err=True)


def _usage(problem: click.UsageError) -> str:
    path = problem.ctx.command_path if problem.ctx else "task-reporter"
    return f"{problem.format_message()} See `{path} --help`."
