"""The command line: parse, call one library function, print.

Each command is a module of this package, imported only when it is used, and imports the
library inside its functions: ``lrarun --help`` needs neither NumPy nor pandas. What
commands share is in :mod:`lrarun.cli.support`; no command imports another.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from lrarun import __version__
from lrarun.cli.support.global_options import (
    SuggestingGroup,
    global_options,
    is_verbose,
    tell,
    unread_output_is_fine,
    with_global_options,
)
from lrarun.errors import LrarunError

# Command -> (module under lrarun.cli, attribute), in the order of the help page.
COMMANDS = {
    "train": ("train", "train"),
    "tune": ("tune", "tune"),
    "status": ("status", "status"),
    "summary": ("summary", "summary"),
    "clean": ("clean", "clean"),
    "table": ("table", "table"),
    "claims": ("claims", "claims"),
    "figure": ("figure", "figure"),
    "fair": ("fair", "fair"),
    "report": ("report", "report"),
    "show": ("show", "show"),
    "diff": ("diff", "diff"),
    "export": ("export", "export"),
    "list": ("listing", "list_"),
    "describe": ("describe", "describe"),
    "docs": ("docs", "docs"),
    "validate": ("validate", "validate"),
    "data": ("data", "data"),
    "doctor": ("doctor", "doctor"),
    "bench": ("bench", "bench"),
    "completion": ("completion", "completion"),
}

PROGRAM = "lrarun"

UNEXPECTED, INTERRUPTED = 1, 130


class LazyGroup(SuggestingGroup):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name]
        return with_global_options(getattr(importlib.import_module(f"lrarun.cli.{module}"), attribute))

    def _main_shell_completion(self, ctx_args, prog_name, complete_var=None):
        if f"_{PROGRAM.upper()}_COMPLETE" in os.environ:
            from lrarun.cli.support.shells import register

            register()
        super()._main_shell_completion(ctx_args, prog_name, complete_var)

    def make_context(self, *args, **extra):
        with unread_output_is_fine():
            return super().make_context(*args, **extra)

    def invoke(self, ctx):
        with unread_output_is_fine():
            return super().invoke(ctx)


EPILOG = """\b
These options may stand before or after the command.

\b
Exit codes:
  0    all well
  1    unexpected failure; no data set to be had; doctor found an obstacle
  2    wrong usage, an invalid spec, or a damaged data set
  3    at least one run failed
  4    results that were asked for are missing or incomplete
  5    a comparison or a claim does not hold
  130  interrupted

Data goes to stdout, progress and messages to stderr."""


@click.group(
    cls=LazyGroup, epilog=EPILOG, params=global_options(), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Train networks by rules other than backprop, and compare with the paper.

    \b
    Examples:
      lrarun table --reference
      lrarun train example
      lrarun show mnist-rfa-3x256-sgd-s0-ae7130081e --reference
      lrarun COMMAND --help
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: messages to stderr, codes as in the README."""
    try:
        code = cli(args=arguments, standalone_mode=False, prog_name=PROGRAM)
        sys.exit(code or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except LrarunError as error:
        tell(f"lrarun: {error}")
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lrarun: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if is_verbose():
            raise
        tell(f"lrarun: {unexpected(error)}")
        sys.exit(UNEXPECTED)


def unexpected(error: Exception) -> str:
    """Return the message for a failure that no message was written for."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    kind = type(error).__name__
    return f"unexpected failure, most likely a bug: {kind}: {error}\nAdd -v to see where, and please report it."
