"""How long runs will take: from runs that this kind of processor has trained, else unknown."""

from __future__ import annotations

import heapq
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lrarun.results.read import Result

# Work per weight beyond the first layer, relative to backprop's: from step times at width
# 256 and batches of 50. It puts runs in order until they have been measured.
HIDDEN_WORK = {"dfa": 0.7, "lra-e": 1.3, "dtp": 8.0, "dtp-sigma": 8.0, "equilibrium-propagation": 28.0}
INPUTS, CLASSES = 784, 10
BATCH_OVERHEAD = 5.0  # columns of work that a mini-batch costs beside its own


@dataclass(frozen=True)
class Work:
    """What an epoch's time depends on, of a resolved spec; runs of equal work are timed as one.

    Attributes:
        whole_settings: the rule's settings that are whole numbers, such as sweeps. Others
            do not change how much there is to do.
    """

    dataset: str
    algorithm: str
    whole_settings: tuple[tuple[str, int], ...]
    optimizer: str
    depth: int
    width: int
    batch_size: int
    dtype: str
    probes: tuple[str, ...]

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Work:
        """The work of a spec's :meth:`~lrarun.specs.spec.Spec.to_dict`."""
        rule = spec["algorithm"]
        return cls(
            whole_settings=tuple((key, value) for key, value in sorted(rule.items()) if type(value) is int),
            algorithm=rule["name"],
            optimizer=spec["optimizer"]["name"],
            probes=tuple(probe["name"] for probe in spec["probes"]),
            **{key: spec[key] for key in ("dataset", "depth", "width", "batch_size", "dtype")},
        )

    @property
    def cost(self) -> float:
        """An epoch's work in a unit without a meaning of its own, for comparing runs with each other."""
        first, further = INPUTS * self.width, (self.depth - 1) * self.width**2 + CLASSES * self.width
        # The hidden layers' matrices are smaller than the first, and half as fast per entry.
        work = first + 2 * further * HIDDEN_WORK.get(self.algorithm, 1.0)
        return work * (1 + BATCH_OVERHEAD / self.batch_size) * (2 if self.dtype == "float64" else 1)


class Estimates:
    """Seconds that runs take, from the results of others.

    Args:
        results: runs of any state; those without an epoch, or of another processor, are ignored.
        cpu: the processor's model as :func:`lrarun.runs.provenance.cpu_model` gives it.
    """

    def __init__(self, results: Iterable[Result], cpu: str):
        measured: dict[Work, list[float]] = defaultdict(list)
        for result in results:
            work, seconds = _measurement(result, cpu)
            if work is not None:
                measured[work].append(seconds)
        self._measured = {work: statistics.median(seconds) for work, seconds in measured.items()}

    def seconds(self, spec: Mapping[str, Any], epochs: int) -> float | None:
        """Seconds that so many epochs of a resolved spec take, or None if nothing measured says anything of it.

        What was measured with other settings is scaled by :attr:`Work.cost`: of the same
        rule on the same data set, else of any rule on it.
        """
        wanted = Work.of(spec)
        if wanted in self._measured:
            return epochs * self._measured[wanted]
        for keys in (("dataset", "algorithm"), ("dataset",)):
            rates = [
                seconds / work.cost for work, seconds in self._measured.items()
                if all(getattr(work, key) == getattr(wanted, key) for key in keys)
            ]
            if rates:
                return epochs * wanted.cost * statistics.median(rates)
        return None


def _measurement(result: Result, cpu: str) -> tuple[Work | None, float]:
    try:
        record = result.record
        if record["provenance"]["cpu"] != cpu or not record["epoch"]:
            return None, 0.0
        return Work.of(result.spec), record["seconds"] / record["epoch"]
    except (KeyError, TypeError):  # not a run of ours
        return None, 0.0


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Seconds until the last of the jobs ends, taken longest first by so many workers."""
    ends = [0.0] * max(workers, 1)
    for duration in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


def duration(seconds: float | None) -> str:
    """A time span in words, to two figures or so: ``8 s``, ``12 min``, ``3 h 20 min``."""
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
