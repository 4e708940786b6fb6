"""``task-reporter completion``."""

import click
from click.shell_completion import get_completion_class

from task_reporter_cli.errors import CommandLineError

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_TASK_REPORTER_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes commands in your shell.

    \b
    Examples:
      eval "$(task-reporter completion bash)"       # in ~/.bashrc
      eval "$(task-reporter completion zsh)"        # in ~/.zshrc
      task-reporter completion fish | source        # in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind  # nosec B101 # for the type checker
    group = click.get_current_context().find_root().command
    try:
        click.echo(kind(group, {}, "task-reporter", VARIABLE).source())
    except RuntimeError as problem:
        raise CommandLineError(str(problem)) from None
