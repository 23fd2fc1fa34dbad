"""``lrarun data``: get the data sets, or see where they are."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lrarun.cli.support.global_options import SuggestingGroup
from lrarun.cli.support.options import data_dir_option, make_data_dir_option, quiet_option
from lrarun.data.published import PUBLISHED
from lrarun.errors import LrarunError


@click.group(cls=SuggestingGroup)
def data() -> None:
    """Get the data sets, or see where they are.

    \b
    Examples:
      lrarun data list
      lrarun data fetch mnist
    """


@data.command()
@click.argument("names", nargs=-1, type=click.Choice(list(PUBLISHED)), metavar="[mnist] [fashion-mnist]")
@make_data_dir_option("Folder to search first for data sets, and to download into; created if need be.")
@quiet_option
def fetch(names: tuple[str, ...], data_dir: Path | None, quiet: bool) -> None:
    """Find data sets here, or download them.

    Gets both if none is named, and prints their folders. Training fetches its data sets by itself.
    Downloads go into the data folder if one is named, else into the user's cache.

    \b
    Examples:
      lrarun data fetch
      lrarun data fetch mnist --data-dir /scratch/data
    """
    from lrarun.cli.support.downloads import download_progress
    from lrarun.data.load import fetch

    code = 0
    for name in names or PUBLISHED:
        try:
            click.echo(f"{name}\t{fetch(name, data_dir, download_progress(quiet))}")
        except LrarunError as error:  # the other one may still be available
            click.echo(f"lrarun: {error}", err=True)
            code = code or error.exit_code
    sys.exit(code)


@data.command(name="list")
@data_dir_option
def list_(data_dir: Path | None) -> None:
    """Show where each data set is.

    Downloads nothing.

    \b
    Examples:
      lrarun data list
      lrarun data list --data-dir .
    """
    from lrarun.data.load import where

    for name in PUBLISHED:
        click.echo(f"{name}\t{where(name, data_dir) or 'not on this machine'}")
