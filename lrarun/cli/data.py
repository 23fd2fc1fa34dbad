"""``lrarun data``: get the data sets, or see where they are."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from lrarun.cli.support.global_options import SuggestingGroup
from lrarun.cli.support.options import data_dir_option, json_option, make_data_dir_option, quiet_option
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
@json_option
def fetch(names: tuple[str, ...], data_dir: Path | None, quiet: bool, as_json: bool) -> None:
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
    found: dict[str, str | None] = {}
    for name in names or PUBLISHED:
        try:
            found[name] = str(fetch(name, data_dir, download_progress(quiet)))
        except LrarunError as error:  # the other one may still be available
            click.echo(f"lrarun: {error}", err=True)
            code, found[name] = code or error.exit_code, None
        if found[name] is not None and not as_json:
            click.echo(f"{name}\t{found[name]}")
    if as_json:
        print_folders(found)
    sys.exit(code)


def print_folders(found: Mapping[str, str | None]) -> None:
    """Print each data set's folder as JSON, null where it has none."""
    from lrarun.cli.support.printing import print_json

    print_json([{"name": name, "folder": folder} for name, folder in found.items()])


@data.command(name="list")
@data_dir_option
@json_option
def list_(data_dir: Path | None, as_json: bool) -> None:
    """Show where each data set is.

    Downloads nothing.

    \b
    Examples:
      lrarun data list
      lrarun data list --data-dir .
    """
    from lrarun.data.load import where

    found = {name: str(where(name, data_dir) or "") for name in PUBLISHED}
    if as_json:
        print_folders({name: folder or None for name, folder in found.items()})
        return
    for name, folder in found.items():
        click.echo(f"{name}\t{folder or 'not on this machine'}")
