"""``lrarun completion``: the script that completes commands on Tab."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
# Click's script for fish cuts an offer, and its explanation, at the second comma.
ALL_COMMAS = ('string split "," ', 'string split --max 1 "," ')


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a shell's completion script.

    Tab then completes commands, options, spec files, rules, run ids and their digests, and
    what follows --set: keys, then values where there is a list of choices. Put the line for
    your shell in its start-up file:

    \b
    Examples:
      eval "$(lrarun completion bash)"       # ~/.bashrc
      eval "$(lrarun completion zsh)"        # ~/.zshrc, after compinit
      lrarun completion fish | source        # ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from lrarun.cli import PROGRAM, cli
    from lrarun.cli.support.shells import register

    register()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(cli, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source()
    click.echo(script.replace(*ALL_COMMAS))
