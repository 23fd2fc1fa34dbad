"""``lrarun bench``: how long training takes on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from lrarun.cli.support.completers import optimizer_names, rules
from lrarun.cli.support.options import WholeNumber, json_option

if TYPE_CHECKING:
    from lrarun.bench import Row
    from lrarun.specs.spec import Spec

# Decimals of each column.
DECIMALS = {
    "step_us": 1,
    "products_us": 1,
    "ratio": 2,
    "torch_us": 1,
    "torch_ratio": 2,
    "epoch_s": 2,
    "epoch_ratio": 3,
    "epochs_per_s": 3,
    "network_us": 1,
}
STACKS = (1, 8, 32, 64)  # networks
TEXTS = {"algorithm": 24, "optimizer": 9}  # columns of words -> width


@click.command()
@click.option(
    "--algorithm",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=rules,
    help="Time only this rule. Can be given several times.",
)
@click.option("--depth", "depths", multiple=True, type=WholeNumber(1, 100), help="Time only this many hidden layers.")
@click.option(
    "--optimizer",
    "optimizers",
    multiple=True,
    metavar="NAME",
    shell_complete=optimizer_names,
    help="Use this optimizer in place of the rule's optimizers in the paper's tables.",
)
@click.option(
    "--seconds",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How long to search for the shortest step, per row.",
)
@click.option(
    "--epochs/--no-epochs",
    default=True,
    help="Also train whole epochs, and with as many images as the paper's, estimate the time of its tables.",
)
@click.option("--images", default=60_000, show_default=True, type=WholeNumber(30), help="Number of training images.")
@click.option("--jobs", default=2, show_default=True, type=WholeNumber(1), help="Number of processes to estimate for.")
@click.option("--vs", type=click.Choice(["torch"]), help="Also time the same steps in PyTorch.")
@click.option("--engine", type=click.Choice(["numpy", "jax"]), default="numpy", help="What to time.  [default: numpy]")
@click.option(
    "--stack",
    "stacks",
    multiple=True,
    type=WholeNumber(1),
    metavar="N",
    help="With the engine jax, time stacks of so many networks. Can be given several times.  [default: 1, 8, 32, 64]",
)
@json_option
def bench(
    names: tuple[str, ...],
    depths: tuple[int, ...],
    optimizers: tuple[str, ...],
    seconds: float,
    epochs: bool,
    images: int,
    jobs: int,
    vs: str | None,
    engine: str,
    stacks: tuple[int, ...],
    as_json: bool,
) -> None:
    """Time training steps and whole epochs.

    Compares each step with the matrix products that it can't do without. The data set
    is synthetic. A full run takes a few minutes on an idle machine.

    \b
    Examples:
      lrarun bench --depth 3 --no-epochs
      lrarun bench --algorithm backprop --vs torch
      lrarun bench --json > bench.json
      lrarun bench --engine jax --algorithm lra-e --depth 3
    """
    if engine == "jax":
        bench_stacks(names, depths, optimizers, seconds, images, stacks or STACKS, as_json)
        return
    from lrarun.bench import blas, check_torch, chosen_specs
    from lrarun.nn.compiled import at_once

    specs = chosen_specs(names, depths, optimizers, validation=images // 30)
    if vs:
        check_torch()
    numpy_alone = at_once()
    click.echo(f"one thread, {blas()}, {'NumPy alone' if numpy_alone else 'optimizers by Numba'}", err=as_json)
    found: dict[Any, Any] = {}
    rows = timed_rows(specs, images, seconds, vs, found if epochs else None)
    if as_json:
        from lrarun.cli.support.printing import print_json

        print_json(list(rows))
    else:
        show(rows)
    if epochs:
        show_estimates(found, images, jobs, err=as_json)


def bench_stacks(
    names: tuple[str, ...],
    depths: tuple[int, ...],
    optimizers: tuple[str, ...],
    seconds: float,
    images: int,
    stacks: Sequence[int],
    as_json: bool,
) -> None:
    """Time steps of stacks of networks on JAX's device."""
    from lrarun.bench import chosen_specs
    from lrarun.bench.data import synthetic
    from lrarun.bench.stack_steps import device, stack_row

    click.echo(device(), err=as_json)
    specs, dataset = chosen_specs(names, depths, optimizers, validation=images // 30), synthetic(images, images // 6)
    rows = (stack_row(spec, dataset, size, seconds) for spec in specs for size in stacks)
    if as_json:
        from lrarun.cli.support.printing import print_json

        print_json(list(rows))
    else:
        show(rows)


def timed_rows(
    specs: Sequence[Spec], images: int, seconds: float, vs: str | None, found: dict[Any, Any] | None
) -> Iterator[Row]:
    """Yield one row per spec as it is measured; also store the times of epochs in ``found``, if given."""
    from lrarun.bench import step_row
    from lrarun.bench.data import synthetic
    from lrarun.bench.epochs import configuration, time_epochs

    dataset = synthetic(images, images // 6)
    for spec in specs:
        row = step_row(spec, dataset, seconds, vs == "torch")
        if found is not None:
            times = time_epochs(spec, dataset, 2 * seconds)
            found[configuration(spec)] = times
            row |= {
                "epoch_s": round(times.epoch, 3),
                "epoch_ratio": round(times.epoch / times.steps, 3),
                "epochs_per_s": round(1 / times.epoch, 3),
            }
        yield row


def show(rows: Iterator[Row]) -> None:
    """Print each row as soon as it is measured."""
    for number, row in enumerate(rows):
        if number == 0:
            click.echo("  ".join(_cell(name, name) for name in row))
        click.echo("  ".join(_cell(name, value) for name, value in row.items()))


def _cell(name: str, value: Any) -> str:
    """Return a value, or a column's name, padded to the column's width."""
    if name in TEXTS:
        return value.ljust(TEXTS[name])
    text = f"{value:.{DECIMALS[name]}f}" if isinstance(value, float) else str("" if value is None else value)
    return text.rjust(max(len(name), 9))


def show_estimates(found: dict[Any, Any], images: int, jobs: int, err: bool) -> None:
    """Print how long the paper's tables take, for the tables whose every run was timed on as many images as theirs."""
    from lrarun.bench.epochs import PAPER_IMAGES, estimates

    made = estimates(found, jobs)
    if made and images != PAPER_IMAGES:
        click.echo(
            f"\nno estimate for the paper's runs: they train on {PAPER_IMAGES:,} images, these times are of {images:,};"
            " leave out --images to get one",
            err=err,
        )
        return
    for number, estimate in enumerate(made):
        if number == 0:
            click.echo(f"\nestimated hours, 1 process and {jobs}, of the paper's runs (one seed):", err=err)
        hours = f"{estimate.hours:6.2f}  {estimate.hours_in_jobs:6.2f}"
        click.echo(f"  {estimate.what:12s} {estimate.runs:3d} runs  {hours}", err=err)
