"""Estimate how long runs will take, from the times of runs that this kind of processor has trained."""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lrarun.results.result import Result

# Work per weight beyond the first layer, relative to backprop's, from step times at width
# 256 and batches of 50. It orders runs that nothing similar has been timed for.
HIDDEN_WORK = {"dfa": 0.7, "lra-e": 1.3, "dtp": 8.0, "dtp-sigma": 8.0, "equilibrium-propagation": 28.0}
INPUTS, CLASSES = 784, 10
BATCH_OVERHEAD = 5.0  # what a mini-batch costs beyond its samples' work, in samples


@dataclass(frozen=True)
class Work:
    """The parts of a resolved spec that an epoch's time depends on; runs of equal work share one estimate.

    Attributes:
        whole_settings: the rule's settings that are whole numbers, such as a number of sweeps.
            Other settings do not change the amount of work.
    """

    dataset: str
    algorithm: str
    whole_settings: tuple[tuple[str, int], ...]
    optimizer: str
    depth: int
    widths: tuple[int, ...]
    batch_size: int
    dtype: str
    probes: tuple[str, ...]
    engine: str

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Work:
        """Return the work of a resolved spec (:meth:`lrarun.specs.spec.Spec.to_dict`)."""
        rule = spec["algorithm"]
        return cls(
            whole_settings=tuple((key, value) for key, value in sorted(rule.items()) if type(value) is int),
            algorithm=rule["name"],
            optimizer=spec["optimizer"]["name"],
            probes=tuple(probe["name"] for probe in spec["probes"]),
            engine=spec.get("engine", "numpy"),
            widths=_widths(spec["width"], spec["depth"]),
            **{key: spec[key] for key in ("dataset", "depth", "batch_size", "dtype")},
        )

    @property
    def cost(self) -> float:
        """An epoch's work in an arbitrary unit, to compare runs with each other."""
        first = INPUTS * self.widths[0]
        further = sum(below * above for below, above in itertools.pairwise([*self.widths, CLASSES]))
        # The hidden layers' matrices are smaller than the first, and half as fast per entry.
        work = first + 2 * further * HIDDEN_WORK.get(self.algorithm, 1.0)
        return work * (1 + BATCH_OVERHEAD / self.batch_size) * (2 if self.dtype == "float64" else 1)


def _widths(width: int | list[int], depth: int) -> tuple[int, ...]:
    return (width,) * depth if isinstance(width, int) else tuple(width)


class Estimates:
    """Estimates of how long runs take, from the times of other runs.

    Args:
        results: runs of any state. Those without an epoch, or of another processor, are ignored.
        cpu: the processor's model, as :func:`lrarun.runs.provenance.cpu_model` returns it.
    """

    def __init__(self, results: Iterable[Result], cpu: str):
        times: dict[Work, list[float]] = defaultdict(list)
        for result in results:
            work, seconds = _seconds_per_epoch(result, cpu)
            if work is not None:
                times[work].append(seconds)
        self._epoch_seconds = {work: statistics.median(seconds) for work, seconds in times.items()}

    def seconds(self, spec: Mapping[str, Any], epochs: int) -> float | None:
        """Return the seconds that ``epochs`` epochs of a resolved spec take; None without a time on its data set.

        Times of runs with other settings are scaled by :attr:`Work.cost`. Those of the same
        rule on the same data set come first, then those of any rule on it.
        """
        wanted = Work.of(spec)
        if wanted in self._epoch_seconds:
            return epochs * self._epoch_seconds[wanted]
        for keys in (("engine", "dataset", "algorithm"), ("engine", "dataset")):
            rates = [
                seconds / work.cost
                for work, seconds in self._epoch_seconds.items()
                if all(getattr(work, key) == getattr(wanted, key) for key in keys)
            ]
            if rates:
                return epochs * wanted.cost * statistics.median(rates)
        return None


def _seconds_per_epoch(result: Result, cpu: str) -> tuple[Work | None, float]:
    if result.provenance.get("cpu") != cpu or not result.epoch or result.seconds is None:
        return None, 0.0
    try:
        return Work.of(result.spec), result.seconds / result.epoch
    except (AttributeError, KeyError, TypeError):  # a spec that this version did not write
        return None, 0.0


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Return the seconds until the last job ends when ``workers`` workers take them, longest first."""
    ends = [0.0] * max(workers, 1)
    for duration in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


def about(seconds: float) -> str:
    """Return an estimate in words: ``about 8 s``, ``under 1 s``."""
    return f"{'about ' if seconds >= 1 else ''}{duration(seconds)}"


def duration(seconds: float | None) -> str:
    """Return a time span in words, to about two figures: ``8 s``, ``12 min``, ``3 h 20 min``."""
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
