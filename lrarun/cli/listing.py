"""``lrarun list``: the names that a spec can hold."""

from __future__ import annotations

import click

from lrarun.cli.support.options import json_option

# The kinds of `lrarun.specs.choices.KINDS`, which the help page must not import.
HEADINGS = {
    "algorithms": "Algorithms",
    "optimizers": "Optimizers",
    "init": "Initial schemes (the spec's key init)",
    "activations": "Activations",
    "probes": "Probes",
    "datasets": "Data sets",
    "experiments": "Experiments (specs that lrarun ships, and files in ./experiments)",
}


@click.command(name="list")
@click.argument("kind", type=click.Choice(list(HEADINGS)), required=False, metavar="[KIND]")
@json_option
def list_(kind: str | None, as_json: bool) -> None:
    """List what a spec can choose from.

    KIND is algorithms, optimizers, init, activations, probes, datasets or experiments; without it, lists all.

    \b
    Examples:
      lrarun list
      lrarun list algorithms
      lrarun list --json

    More about a name: lrarun describe NAME. To train an experiment: lrarun train NAME
    """
    from lrarun.cli.support.printing import columns, heading, print_json
    from lrarun.specs.catalogue import entries

    kinds = [kind] if kind else list(HEADINGS)
    found = {each: entries(each) for each in kinds}
    if as_json:
        print_json({each: [{"name": e.name, "summary": e.summary} for e in found[each]] for each in kinds})
        return
    blocks = [
        f"{heading(HEADINGS[each])}\n{columns((e.name, e.summary) for e in found[each]) or '  none here'}"
        for each in kinds
    ]
    click.echo("\n\n".join(blocks))
