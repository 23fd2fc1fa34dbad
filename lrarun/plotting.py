"""Learning curves as pictures; needs matplotlib, from the extra ``plots``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from lrarun.errors import LrarunError, UsageError
from lrarun.files import write_atomic
from lrarun.results import Result, read_log


def save_curve(result: Result, path: Path) -> None:
    """Writes a run's learning curve: the losses in nats, and the validation error in percent, by epoch.

    Args:
        result: the run.
        path: the picture; its ending chooses the format (png, pdf, svg, ...).

    Raises:
        UsageError: the ending names no format.
        LrarunError: matplotlib is missing, or the file can't be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise LrarunError("--plot needs matplotlib; install it with: pip install 'matplotlib>=3.8'") from None
    known = FigureCanvasAgg.get_supported_filetypes()
    ending = path.suffix.lower().lstrip(".")
    if ending not in known:
        endings = ", .".join(sorted(known))
        raise UsageError(f"{path}: no known type of picture; the name must end in one of .{endings}")
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    log = read_log(result.folder)
    if result.record.get("best_epoch"):
        errors.axvline(result.record["best_epoch"], color="0.7", linewidth=1, label="epoch that is scored")
    _lines(losses, log, {"train_nll": ("training", "C0"), "validation_nll": ("validation", "C1")},
           "negative log likelihood, nats")
    _lines(errors, log, {"validation_error": ("validation", "C1")}, "error, %")
    figure.suptitle(result.run_id, fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, dpi=150)
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        raise LrarunError(f"{path}: cannot be written: {error.strerror}") from error


def _lines(axes, log: Sequence[dict[str, float]], names: dict[str, tuple[str, str]], label: str) -> None:
    epochs = [row["epoch"] for row in log]
    for column, (name, colour) in names.items():
        values = [row.get(column, float("nan")) for row in log]
        axes.plot(epochs, values, label=name, color=colour, marker="." if len(log) < 3 else "")
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
