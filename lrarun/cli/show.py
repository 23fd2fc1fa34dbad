"""``lrarun show``: one run, from its spec to its learning curve."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from lrarun.cli.support.global_options import is_verbose, say
from lrarun.cli.support.options import json_option, results_option, run_argument
from lrarun.cli.support.paths import UserPath, check_folder
from lrarun.results import run_folder

if TYPE_CHECKING:
    from lrarun.results.result import Result

COLOURS = ("cyan", "yellow", "green", "magenta")
SCORES = {
    "test_error": ("test error", "{:.2f} %"),
    "train_error": ("train error", "{:.2f} %"),
    "validation_error": ("validation error", "{:.2f} %"),
    "test_nll": ("test NLL", "{:.4f} nats"),
    "train_nll": ("train NLL", "{:.4f} nats"),
}


@click.command()
@run_argument("run")
@results_option
@click.option(
    "--plot",
    type=UserPath(dir_okay=False),
    metavar="FILE",
    callback=check_folder,
    help="Also write the learning curve as a picture (.png, .pdf, .svg); needs matplotlib.",
)
@json_option
def show(run: str, results: Path, plot: Path | None, as_json: bool) -> None:
    """Show one run, from spec to learning curve.

    Also prints its scores and provenance. RUN is a run id, the digest at its end, the beginning of either, or
    a run's folder.

    \b
    Examples:
      lrarun show mnist-lra-e-8x256-sgd-s0
      lrarun show c81132569a --reference
      lrarun show 5743606459 --reference --plot curve.png
    """
    from lrarun.cli.support.printing import print_json
    from lrarun.results.find_run import find_result
    from lrarun.results.log import read_log

    found = find_result(results, run)
    log = read_log(found.folder)
    if plot:
        from lrarun.report.figures.learning_curve import save_curve

        save_curve(found, plot)
        say(f"wrote {plot}")
    if as_json:
        print_json(dict(found.record) | {"run_id": found.run_id, "folder": str(found.folder), "log": log})
    else:
        click.echo(page(found, log))


def page(found: Result, log: Sequence[Mapping[str, float]]) -> str:
    """Return the page about a run."""
    from lrarun.cli.support.printing import columns, flow, heading

    parts = [f"{heading(found.run_id)}\n  {state_of(found)}"]
    values = {key: getattr(found, key) for key in SCORES}
    scores = [(name, form.format(values[key])) for key, (name, form) in SCORES.items() if values[key] is not None]
    if scores:
        scores += last_epoch(found, log)
        parts.append(
            heading(f"Scores at epoch {found.best_epoch or '?'}, that of the lowest validation error")
            + f"\n{columns(scores)}"
        )
    measured = angles(log)
    if measured:
        title = f"Angle to backprop's update in epochs 1 to {len(log)}, degrees"
        parts.append(f"{heading(title)}\n{columns(measured)}")
    parts.append(heading("Spec") + "\n" + columns((key, flow(value)) for key, value in found.spec.items()))
    known = origin(found)
    if known:
        parts.append(heading("Provenance") + "\n" + columns(known))
    if log:
        parts.append(curve(log))
    return "\n\n".join(parts)


def last_epoch(found: Result, log: Sequence[Mapping[str, float]]) -> list[tuple[str, str]]:
    """Return the validation error after the last epoch, for beside that at the best one; nothing if they are one."""
    if not log or log[-1]["epoch"] == found.best_epoch or "validation_error" not in log[-1]:
        return []
    return [(f"validation error at epoch {log[-1]['epoch']}", f"{log[-1]['validation_error']:.2f} %")]


def angles(log: Sequence[Mapping[str, float]]) -> list[tuple[str, str]]:
    """Return what the probe ``angle`` measured, of the whole update and of each layer's W; nothing without it."""
    if not log or any("angle_max" not in row for row in log):
        return []
    means = {name: [row[name] for row in log] for name in log[0] if name.startswith("angle_") and name != "angle_max"}
    rows = []
    for name, values in means.items():
        layer = name.removeprefix("angle_").removesuffix("mean").rstrip("_")
        largest = "" if layer else f"; largest of a mini-batch {max(row['angle_max'] for row in log):.1f}"
        text = f"mean {fmean(values):.1f}, from {values[0]:.1f} to {values[-1]:.1f}{largest}"
        rows.append((f"layer {layer}" if layer else "whole", text))
    return rows


def state_of(found: Result) -> str:
    """Return the run's state, epochs done, duration, and for a failure the reason and where to read more."""
    from lrarun.results.timing import duration

    colour = {"finished": "green", "failed": "red", "diverged": "red"}.get(found.state, "yellow")
    words = [click.style(found.state, fg=colour), f"{found.epoch} of {found.epochs or '?'} epochs"]
    if found.seconds is not None:
        words.append(duration(found.seconds))
    lines = [", ".join(words), *([found.reason] if found.reason else [])]
    if found.traceback and is_verbose():
        lines += found.traceback
    elif found.traceback:
        lines.append(f"The traceback is in {found.folder / run_folder.RUN}; -v shows it here.")
    return "\n  ".join(lines)


def origin(found: Result) -> list[tuple[str, str]]:
    """Return where the numbers come from: versions, machine, data."""
    made = found.provenance
    blas = made.get("blas") or {}
    commit = made.get("git_commit") and made["git_commit"][:12] + " with changes" * bool(made.get("git_dirty"))
    library = blas and " ".join(str(blas[key]) for key in ("name", "version", "architecture") if key in blas)
    numpy = " ".join(str(made[key]) for key in ("numpy", "numpy_simd") if made.get(key))
    rows = [
        ("lrarun", made.get("lrarun")),
        ("commit", commit),
        ("Python", made.get("python")),
        ("NumPy", numpy),
        ("BLAS", library),
        ("CPU", made.get("cpu")),
        ("system", made.get("system")),
        ("plugins", " ".join(f"{name} {digest[:12]}" for name, digest in (made.get("plugins") or {}).items())),
        ("started", found.started_at),
        ("finished", found.finished_at),
        ("data SHA-256", found.dataset_sha256),
        ("folder", str(found.folder)),
    ]
    return [(name, str(value)) for name, value in rows if value]


def curve(log: Sequence[Mapping[str, float]]) -> str:
    """Return charts of the validation error and the losses by epoch, sized for the terminal."""
    from lrarun.cli.support.terminal_chart import Chart, draw

    size = shutil.get_terminal_size()
    chart = Chart(min(size.columns, 120), max(8, min(14, size.lines // 2 - 1)), can_print_braille(), paint)
    columns = {
        name: [(row["epoch"], row.get(name, float("nan"))) for row in log]
        for name in ("validation_error", "train_nll", "validation_nll")
    }
    error = draw({"validation": columns["validation_error"]}, "validation error, %", chart)
    losses = {"training": columns["train_nll"], "validation": columns["validation_nll"]}
    return error + "\n\n" + draw(losses, "negative log likelihood, nats", chart)


def paint(text: str, number: int) -> str:
    """Return a series' characters in its colour."""
    return click.style(text, fg=COLOURS[number % len(COLOURS)])


def can_print_braille() -> bool:
    """Return whether stdout's encoding has braille characters."""
    try:
        "\u28ff".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
