"""``lrarun describe``: what a name in a spec means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.completers import names
from lrarun.cli.support.next_commands import command
from lrarun.cli.support.options import data_dir_option, json_option

if TYPE_CHECKING:
    from lrarun.specs.catalogue import Description
    from lrarun.specs.described_setting import Setting


@click.command()
@click.argument("name", shell_complete=names)
@data_dir_option
@json_option
def describe(name: str, data_dir: Path | None, as_json: bool) -> None:
    """Explain a name that a spec can hold.

    NAME is an algorithm, optimizer, initial scheme, activation, probe or data set, or a
    setting of one of these or of a spec, such as beta, optimizer.momentum or epochs.
    For an algorithm, prints its equations and each setting's type, default, range, value
    in the paper and assumptions; for a data set, its sources, digests and sizes.
    "spec" explains the keys of a spec, and a path describes a data set of your own. Also
    describes specs: spec files, and those that lrarun ships (lrarun list experiments).

    \b
    Examples:
      lrarun describe lra-e
      lrarun describe adam --json
      lrarun describe beta
      lrarun describe mnist
      lrarun describe spec
      lrarun describe table1
      lrarun describe my-images.npz
    """
    from lrarun.cli.support.printing import print_json
    from lrarun.errors import UsageError
    from lrarun.settings import UnknownName
    from lrarun.specs import catalogue

    try:
        found = catalogue.describe(name, data_dir)
    except UnknownName as error:
        raise UsageError(
            f"{error} (lrarun list shows all; a rule in a file of your own needs --plugin FILE.py)"
        ) from None
    if as_json:
        print_json(found[0] if len(found) == 1 else found)
    else:
        click.echo("\n\n".join(page(each) for each in found))


def page(about: Description) -> str:
    """Return a description as text."""
    from lrarun.cli.support.printing import heading

    title = f": {about.title}" if about.title and about.title != about.name else ""
    parts = [heading(f"{about.name} ({about.kind}){title}"), indented(about.text)]
    if about.owners:
        parts.append("\n\n".join(owner_text(owner, each) for owner, each in about.owners.items()))
    if about.others:
        parts.append(others_text(about))
    if about.settings:
        parts.append(heading("Settings") + "\n" + "\n".join(setting_text(each) for each in about.settings))
    if about.defaults:
        parts.append(defaults_text(about))
    if about.files:
        parts.append(files_text(about))
    if about.runs:
        parts.append(runs_text(about))
    if about.key:
        parts.append(heading("In a spec") + f"\n  {example(about)}")
    return "\n\n".join(part for part in parts if part)


def example(about: Description) -> str:
    """Return how a spec chooses it, with its first setting if it has any."""
    from lrarun.cli.support.printing import flow

    choice = about.name
    if about.settings:
        first = about.settings[0]
        choice = flow({"name": about.name, first.name: first.default})
    return f"{about.key}: {f'[{choice}]' if about.key == 'probes' else choice}"


def indented(text: str) -> str:
    """Return lines as they are written, since equations have lines of their own; break lines that are too long."""
    from lrarun.cli.support.printing import width, wrapped

    lines = (f"  {line}" if len(line) + 2 <= width() else wrapped(line, 2) for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines)


def owner_text(owner: str, setting: Setting) -> str:
    """Return a setting as one rule, optimizer, ... has it."""
    heads = {"spec": "As a key of a spec", "search": "As a key of a spec's search block"}
    head = heads.get(owner, f"Of the {owner}")
    return f"{head}\n{setting_text(setting)}"


def others_text(about: Description) -> str:
    """Return the defaults that rules have instead."""
    from lrarun.cli.support.printing import columns, flow, heading

    return (
        heading("Default in a spec with this algorithm, where the spec is silent")
        + "\n"
        + columns(
            (rule, by_depth_text(value) if isinstance(value, Mapping) and "name" not in value else flow(value))
            for rule, value in about.others.items()
        )
    )


def by_depth_text(values: Mapping[int, Any]) -> str:
    """Return values by depth: ``5 at 3 hidden layers, 10 at 8``."""
    from lrarun.cli.support.printing import flow

    (first, value), *rest = values.items()
    return ", ".join([f"{flow(value)} at {first} hidden layers", *(f"{flow(v)} at {depth}" for depth, v in rest)])


def setting_text(setting: Setting) -> str:
    """Return one setting in a few lines."""
    from lrarun.cli.support.printing import flow, wrapped
    from lrarun.specs.described_setting import allowed

    needed = setting.default is None and (setting.choices or setting.type == "mapping")
    default = "no default" if needed else f"default {flow(setting.default)}"
    first = wrapped(f"{setting.name}  {allowed(setting)}, {default}", 2)
    lines = [first.replace(setting.name, click.style(setting.name, bold=True), 1)]
    lines.append(wrapped(setting.help, 6))
    if setting.paper:
        lines.append(wrapped(f"paper: {setting.paper}", 6))
    return "\n".join(lines)


def defaults_text(about: Description) -> str:
    """Return the defaults that a rule sets in a spec, once if they are the same at each depth."""
    from lrarun.cli.support.printing import columns, flow, heading

    by_depth = {depth: {key: flow(value) for key, value in items.items()} for depth, items in about.defaults.items()}
    same = len({str(items) for items in by_depth.values()}) == 1
    lines = [heading("Where a spec is silent, besides the paper's values (lrarun describe spec)")]
    for depth, items in by_depth.items():
        if not same:
            lines.append(f"  at {depth} hidden layers")
        lines.append(columns(items.items(), indent=2 if same else 4) if items else "  nothing else")
        if same:
            break
    return "\n".join(lines)


def runs_text(about: Description) -> str:
    """Return what an experiment's runs have each of their own, and the command that trains them."""
    from lrarun.cli.support.printing import columns, flow, heading
    from lrarun.report.wording import plural
    from lrarun.shipped import named_file

    rows = [(key, ", ".join(map(flow, values))) for key, values in about.varied.items()]
    blocks = [heading(plural(len(about.runs), "run")) + (f", which differ in\n{columns(rows)}" if rows else "")]
    train = command("train", [about.name])
    blocks.append(f"{heading('Train')}\n  {train}\n  {train} --dry-run    # what that would take")
    blocks.append(f"{heading('To copy and change')}\n  {named_file(about.name).absolute()}")
    return "\n\n".join(blocks)


def files_text(about: Description) -> str:
    """Return a data set's files and its sources."""
    from lrarun.cli.support.printing import heading, size

    lines = [heading("Files" if about.sources else "Arrays")]
    for name, each in about.files.items():
        shape = " x ".join(f"{n:,}" for n in each["shape"])
        values = "" if "range" not in each else "{:.6g} to {:.6g}, ".format(*each["range"])
        lines.append(f"  {name}  {shape}, {values}{size(each['bytes'])}")
        if each["sha256"]:
            lines.append(f"      SHA-256 {each['sha256']}")
    lines += ["", heading("On this machine"), f"  {about.folder or 'no; get it with: lrarun data fetch ' + about.name}"]
    if about.sources:
        lines += ["", heading("Sources"), *(f"  {source}" for source in about.sources)]
    return "\n".join(lines)
