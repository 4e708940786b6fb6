"""The entry point: runs a command, and turns errors into one line.

The exit status is 1 after an error.
"""

import gc
import os
import sys
from collections.abc import Sequence

import click

from task_reporter import __version__
from task_reporter_cli.aws.crt import hide_awscrt
from task_reporter_cli.lazy import LazyGroup
from task_reporter_cli.options import target_options
from task_reporter_cli.output.lines import is_colour_disabled, print_note
from task_reporter_cli.output.streams import discard_unwritten, prepare_streams

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
@target_options
def cli() -> None:
    """Query the history of EC2's long-running tasks, and look after its reporter.

    The history is found by the name of the CloudFormation stack, or given as a table. Credentials and region come
    from where every AWS tool takes them.

    
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
    hide_awscrt()
    prepare_streams()
    try:
        status = _run(arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            discard_unwritten(stream)
    sys.exit(status)


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command line; its exit status."""
    colours = False if is_colour_disabled() else None
    try:
        status = cli.main(arguments, prog_name="task-reporter", standalone_mode=False, color=colours)
        sys.stdout.flush()
        return status or 0
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read from us has seen enough
        return 1
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        for line in help_wanted.format_message().splitlines():
            print_note(line)
        return help_wanted.exit_code
    except click.ClickException as problem:
        _print_error(
            _format_usage_error(problem) if isinstance(problem, click.UsageError) else problem.format_message()
        )
        return problem.exit_code
    except Exception as error:
        from task_reporter_cli.aws.explanations import explain  # costs time, and is seldom needed

        if os.environ.get("TASK_REPORTER_DEBUG"):
            raise
        _print_error(explain(error))
        return 1


def _print_error(text: str) -> None:
    discard_unwritten(sys.stdout)  # what was answered before stands before the error, if it can
    print_note(f"error: {' '.join(text.split())}")


def _format_usage_error(problem: click.UsageError) -> str:
    path = problem.ctx.command_path if problem.ctx else "task-reporter"
    return f"{problem.format_message()} See `{path} --help`."
