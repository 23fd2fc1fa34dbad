"""What holds for every command: colour, verbosity, plugin files, and pipes that close early.

The options belong to ``lrarun`` itself. Every command has hidden copies of them, so that
they may stand before or after the command's name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click
from click.core import ParameterSource

from lrarun.cli.support.paths import UserPath
from lrarun.settings import nearest
from lrarun.shipped import RULE, named_file

PLUGINS = "LRARUN_PLUGINS"  # as in lrarun.algorithms.plugins, which is not imported here
QUIET, VERBOSE = "lrarun.quiet", "lrarun.verbose"
LOGGER = logging.getLogger("lrarun")


def set_color(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Decide on colour for this command and its subcommands; without the option, keep the present choice."""
    if value is None and ctx.parent is not None:
        return
    if value == "always":
        os.environ.pop("NO_COLOR", None)
        ctx.color = True
    elif value == "never" or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        os.environ["NO_COLOR"] = "1"  # progress bars and child processes obey it too
        ctx.color = False
    else:
        ctx.color = None  # colour on a terminal only


def set_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Record --quiet; return whether it was given here or before."""
    if value:
        ctx.meta[QUIET] = True
        configure_logging(ctx)
    return is_quiet(ctx)


def set_verbose(ctx: click.Context, param: click.Parameter, value: int) -> None:
    """Record how often --verbose was given."""
    if value:
        ctx.meta[VERBOSE] = ctx.meta.get(VERBOSE, 0) + value
    if value or ctx.parent is None:
        configure_logging(ctx)


def set_plugins(ctx: click.Context, param: click.Parameter, value: tuple[Path, ...]) -> None:
    """Register plugin files for this process and its children, after those registered already.

    A relative path in the variable that leads nowhere stays as it is, for the message about it.
    """
    if value:
        before = [part for part in os.environ.get(PLUGINS, "").split(os.pathsep) if part.strip()]
        files = [str(named_file(path, RULE)) for path in (*before, *map(str, value))]
        typed = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
        files = [os.path.abspath(path) if typed or os.path.exists(path) else path for path in files]
        os.environ[PLUGINS] = os.pathsep.join(dict.fromkeys(files))


def is_quiet(ctx: click.Context | None = None) -> bool:
    """Return whether --quiet stands before or after the command."""
    ctx = ctx or click.get_current_context(silent=True)
    return bool(ctx and ctx.meta.get(QUIET))


def is_verbose() -> bool:
    """Return whether details are wanted, such as where in the code something failed."""
    return LOGGER.isEnabledFor(logging.INFO)


def say(text: str) -> None:
    """Print a message that is not data to stderr, unless --quiet."""
    if not is_quiet():
        tell(text)


def tell(text: str) -> None:
    """Print a message to stderr; on a terminal, its lines are broken between words."""
    if sys.stderr is not None and sys.stderr.isatty():
        text = "\n".join(_fitted(line, shutil.get_terminal_size().columns) for line in text.splitlines())
    click.echo(text, err=True)


def _fitted(line: str, width: int) -> str:
    """Break a line of a message between words, within a command as a shell reads on; indented lines stay whole."""
    if len(line) <= width or line.startswith("    "):
        return line
    broken, column = "", 0
    for word, in_command in _words(line):
        end = " \\" if in_command else ""  # before this word, if it goes onto the next line
        if column and column + 1 + len(word) + 2 * in_command > width:
            broken, column = f"{broken}{end}\n    ", 4
        elif column:
            broken, column = f"{broken} ", column + 1
        broken, column = broken + word, column + len(word)
    return broken


def _words(line: str) -> Iterator[tuple[str, bool]]:
    """Yield a message's words, each with whether it goes on with a command, as in ``train with: lrarun train ...``."""
    commands = [match.span() for match in re.finditer(r"(?<=: )lrarun [^;()]+", line)]
    for match in re.finditer(r"\S+", line):
        yield match.group(), any(start < match.start() < end for start, end in commands)


class ToStderr(logging.Handler):
    """Writes log records as lines to the current stderr, equal ones once in a command."""

    def __init__(self) -> None:
        super().__init__()
        self.written: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if text not in self.written:
            self.written.add(text)
            click.echo(text, err=True)


def configure_logging(ctx: click.Context) -> None:
    """Set which of the library's log records are shown: warnings; with -v also info; with -vv all."""
    handler = next((handler for handler in LOGGER.handlers if isinstance(handler, ToStderr)), None)
    if handler is None:
        LOGGER.addHandler(ToStderr())
        LOGGER.propagate = False
    elif ctx.parent is None:
        handler.written.clear()  # a new command in the same process
    level = {0: logging.WARNING, 1: logging.INFO}.get(ctx.meta.get(VERBOSE, 0), logging.DEBUG)
    LOGGER.setLevel(logging.ERROR if is_quiet(ctx) else level)


def global_options(hidden: bool = False) -> list[click.Option]:
    """Return fresh copies of the options that every command has; the hidden copies read no environment."""
    shown: dict[str, Any] = {"hidden": True} if hidden else {"show_envvar": True}
    envvar = None if hidden else "LRARUN_COLOR"
    return [
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            callback=set_color,
            is_eager=True,
            expose_value=False,
            envvar=envvar,
            help="When to use colour; auto, the default, means on a terminal unless NO_COLOR is set.",
            **shown,
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            callback=set_verbose,
            is_eager=True,
            expose_value=False,
            help="Show more: the files in use, and where in the code a failure occurred. -vv shows all.",
            **shown,
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            callback=set_quiet,
            is_eager=True,
            expose_value=False,
            help="Report errors only.",
            **shown,
        ),
        click.Option(
            ["--plugin"],
            multiple=True,
            type=UserPath(),
            callback=set_plugins,
            is_eager=True,
            expose_value=False,
            envvar=None if hidden else PLUGINS,
            metavar="FILE.py",
            help="A file with a learning rule of your own. Can be given several times.",
            **shown,
        ),
    ]


class SuggestingGroup(click.Group):
    """A group that answers an unknown command with the nearest name."""

    def resolve_command(self, ctx, args):
        """Return the command asked for; fail with the nearest name if there is none."""
        known = self.get_command(ctx, args[0]) is not None or args[0].startswith("-")
        close = "" if known or ctx.resilient_parsing else nearest(args[0], self.list_commands(ctx))
        if close:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {close!r}?")
        return super().resolve_command(ctx, args)


def with_global_options(command: click.Command) -> click.Command:
    """Add the global options to a command and its subcommands, and return it."""
    known = {spelling for param in command.params for spelling in param.opts}
    command.params += [option for option in global_options(hidden=True) if not known & set(option.opts)]
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_global_options(below)
    return command


@contextlib.contextmanager
def unread_output_is_fine() -> Iterator[None]:
    """End the command with code 0 if nobody reads its output any more, as in ``lrarun table | head -1``."""
    try:
        yield
    except BrokenPipeError:
        # Otherwise the interpreter would fail when it flushes stdout on exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


class ClosedPipeTolerant:
    """A stream that drops text that it can't pass on: a run must not fail because a pipe closed or a disk is full."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()
