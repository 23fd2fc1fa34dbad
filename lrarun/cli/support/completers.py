"""What the shell offers on Tab: spec files, runs, rules, names.

Each function is a ``shell_complete`` callback of Click. If one fails, it offers nothing,
since a shell has no place for a message.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from lrarun.files import user_path
from lrarun.shipped import spec_names

if TYPE_CHECKING:
    from lrarun.specs.described_setting import Setting

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
MOST = 500  # offers; nobody reads more


def silent(completer: Completer) -> Completer:
    """Wrap a completer so that it offers nothing where it fails."""

    @functools.wraps(completer)
    def safe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return completer(ctx, param, incomplete)[:MOST]
        except Exception:
            return []

    return safe


@silent
def spec_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer YAML files in the folder being typed and in its subfolders, and shipped specs; else any file."""
    folder = incomplete.rpartition("/")[0] or ("/" if incomplete.startswith("/") else "")
    names = sorted(_yaml_files(Path(folder)), key=lambda name: (name.count("/"), name))
    found = [CompletionItem(name) for name in [*names, *spec_names()] if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def _yaml_files(folder: Path) -> Iterator[str]:
    for pattern in ("*.yaml", "*.yml", "*/*.yaml", "*/*.yml"):
        for path in folder.glob(pattern):
            if not path.relative_to(folder).parts[0].startswith("."):
                yield str(path)


@silent
def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer runs of the results folder on the command line, or of the default one; with a slash, folders."""
    if "/" in incomplete:
        return [CompletionItem(incomplete, type="dir")]
    results = ctx.params.get("results") or os.environ.get("LRARUN_RESULTS") or "results"
    folder = user_path(results)
    found = sorted(path.parent.name for path in folder.glob(f"{incomplete}*/run.json"))
    if found or not incomplete:
        return [CompletionItem(name) for name in found]
    # A digest names its run; what stands before it is the explanation.
    whole = sorted(path.parent.name.rpartition("-") for path in folder.glob(f"*-{incomplete}*/run.json"))
    return [CompletionItem(digest, help=rest) for rest, _, digest in whole if digest.startswith(incomplete)]


@silent
def overrides(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the keys that ``--set`` takes, each with ``=``; after that, the values where there is a list of them."""
    key, equals, _ = incomplete.partition("=")
    known = _keys_of(key.partition(".")[0])
    if not equals:
        return [CompletionItem(f"{name}=", help=about.help) for name, about in known.items() if name.startswith(key)]
    values = [f"{key}={value}" for value in known[key].choices] if key in known else []
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


def _keys_of(head: str) -> Mapping[str, Setting]:
    """Return what ``--set`` takes; under ``sweep`` and ``search``, the keys of that block."""
    from lrarun.specs.keys import keys_of_a_search, set_keys

    if head == "search":
        return {f"search.{each.name}": each for each in keys_of_a_search()}
    known = set_keys()
    return {f"sweep.{name}": each for name, each in known.items()} if head == "sweep" else known


@silent
def rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the learning rules."""
    return _named(["algorithms"], incomplete)


@silent
def optimizer_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the optimizers."""
    return _named(["optimizers"], incomplete)


@silent
def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer all names that ``lrarun describe`` knows; else files, since it describes data sets by path."""
    from lrarun.specs.choices import KINDS

    found = _named([kind for kind in KINDS if kind != "experiments"], incomplete)
    found += [CompletionItem(name, help="experiment") for name in spec_names() if name.startswith(incomplete)]
    pages = {"spec": "the keys of a spec", "search": "a search for lrarun tune"}
    found += [CompletionItem(name, help=words) for name, words in pages.items() if name.startswith(incomplete)]
    if incomplete:  # else there would be too many to read
        known = {**_keys_of("spec"), **_keys_of("search")}
        settings = {name.rpartition(".")[2]: about for name, about in reversed(known.items())}
        found += [
            CompletionItem(name, help=about.help) for name, about in settings.items() if name.startswith(incomplete)
        ]
    return found or [CompletionItem(incomplete, type="file")]


def _named(kinds: list[str], incomplete: str) -> list[CompletionItem]:
    from lrarun.specs.catalogue import entries

    found = [entry for kind in kinds for entry in entries(kind) if entry.name.startswith(incomplete)]
    return [CompletionItem(entry.name, help=entry.summary) for entry in found]
