"""The command line: parse, call one library function, print.

Each command is a module of this package that is imported only when it is used, so
that ``lrarun --help`` needs neither NumPy nor pandas. Modules import the library
inside their functions for the same reason.
"""

from __future__ import annotations

import importlib
import sys

import click

from lrarun import __version__
from lrarun.errors import LrarunError

# Command -> (module under lrarun.cli, attribute). Order is that of the help page.
COMMANDS = {
    "train": ("train", "train"),
    "table": ("table", "table"),
    "claims": ("claims", "claims"),
    "report": ("report", "report"),
    "data": ("data", "data"),
    "list": ("list", "list_"),
    "describe": ("describe", "describe"),
    "validate": ("validate", "validate"),
    "doctor": ("doctor", "doctor"),
}

INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name]
        return getattr(importlib.import_module(f"lrarun.cli.{module}"), attribute)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lrarun")
def cli() -> None:
    """Train networks by rules other than backprop, and compare with the paper.

    \b
    Examples:
      lrarun train experiments/example.yaml
      lrarun table 1
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: messages to stderr, codes as in the README."""
    try:
        code = cli(args=arguments, standalone_mode=False, prog_name="lrarun")
        sys.exit(code or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except LrarunError as error:
        click.echo(f"lrarun: {error}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lrarun: interrupted", err=True)
        sys.exit(INTERRUPTED)
