"""Where the numbers of the report come from: every run with its settings, versions and machine."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lrarun.paper import Key
from lrarun.report.cells import Wanted, left_out
from lrarun.report.repetitions import settings
from lrarun.report.web.curves import place_name, place_order
from lrarun.report.web.markup import Html, caption, hidden, tag
from lrarun.report.wording import plural, shortened
from lrarun.results.log import last_validation_error
from lrarun.results.result import STATES, Result
from lrarun.results.settings import flatten

# More would make the page too large for a phone.
RUNS = 500
# A value of a record, such as the reason of a failure, is cut to this many characters.
LONGEST = 1000
EXAMPLES = 5


def runs_section(runs: Sequence[Result], wanted: Mapping[Key, Wanted], titles: Mapping[str, str]) -> Html:
    """Return the runs by data set and depth, those of the tables first if there are too many."""
    if not runs:
        return tag("p", "There are no runs.", class_="empty")
    expected = {settings(want.spec) for want in wanted.values() if want.spec}
    ranked = sorted(runs, key=lambda run: (settings(run.spec) not in expected, run.run_id))
    shown = sorted(ranked[:RUNS], key=lambda run: run.run_id)
    groups: dict[tuple[str, int], list[Result]] = defaultdict(list)
    for run in shown:
        groups[run.spec["dataset"], run.spec["depth"]].append(run)
    parts = [group(place, groups[place]) for place in sorted(groups, key=place_order)]
    return tag("div", tag("p", f"{tally(runs)}."), *cut(runs), *departing(runs, wanted, titles), *parts)


def tally(runs: Iterable[Result]) -> str:
    """Return ``40 runs: 38 finished, 2 diverged``; ``1 run, finished``; ``2 runs, all finished``."""
    counts = Counter(run.state for run in runs)
    if len(counts) == 1:
        return f"{plural(counts.total(), 'run')}, {'all ' * (counts.total() > 1)}{next(iter(counts))}"
    known = [*STATES, *sorted(str(state) for state in counts.keys() - set(STATES))]
    return f"{plural(counts.total(), 'run')}: {', '.join(f'{counts[s]:,} {s}' for s in known if counts[s])}"


def cut(runs: Sequence[Result]) -> list[Html]:
    """Return a note if not all runs are listed."""
    if len(runs) <= RUNS:
        return []
    words = f"Listed are {RUNS} of them, those of the tables first; {len(runs) - RUNS:,} more are not."
    return [tag("p", words)]


def departing(runs: Sequence[Result], wanted: Mapping[Key, Wanted], titles: Mapping[str, str]) -> list[Html]:
    """Return which runs of the tables' experiments are in no cell, and how they differ."""
    counts = {words: len(group) for words, group in left_out(runs, wanted, titles).items()}
    if not counts:
        return []
    common = list(counts.items())[:EXAMPLES]
    items = [tag("li", f"{plural(count, 'run')}: {shortened(words, LONGEST)}") for words, count in common]
    rest = len(counts) - len(common)
    if rest > 0:
        items.append(tag("li", f"and {plural(rest, 'more setting')}"))
    words = "Of the tables' experiments but in no average, as their settings differ:"
    return [tag("p", words), tag("ul", *items)]


def group(place: tuple[str, int], runs: Sequence[Result]) -> Html:
    """Return the runs of one data set and depth."""
    summary = tag("summary", f"{place_name(*place)}: {tally(runs)}")
    return tag("details", summary, *(run_details(run) for run in runs), class_="runs")


def run_details(run: Result) -> Html:
    """Return one run as a table to be unfolded."""
    summary = tag("summary", tag("code", run.run_id), " ", tag("small", headline(run)))
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", shortened(value, LONGEST)))
        for name, value in facts(run).items()
        if value
    ]
    title = caption(hidden(f"Run {run.run_id}"))
    return tag("details", summary, tag("table", title, tag("tbody", *rows), class_="facts"), class_="run")


def headline(run: Result) -> str:
    """Return the state, and the test error of a finished run."""
    error = percent(run.test_error)
    return f"{run.state}, test error {error}" if run.finished and error else str(run.state)


def facts(run: Result) -> dict[str, str]:
    """Return what is known of a run, in words; empty where nothing is."""
    provenance = run.provenance
    return {
        "State": f"{run.state}, {how_far(run)}",
        "Reason": str(run.reason or ""),
        "Errors": errors(run),
        "Settings": pairs({name: setting(value) for name, value in run.spec.items()}),
        "Versions": versions(provenance),
        "Commit": commit(provenance),
        "Machine": ", ".join(str(provenance[key]) for key in ("cpu", "system") if provenance.get(key)),
        "Data": f"SHA-256 {run.dataset_sha256}" if run.dataset_sha256 else "",
        "Time": " to ".join(str(time) for time in (run.started_at, run.finished_at) if time),
        "Resumed": resumed(run.resumed),
    }


def how_far(run: Result) -> str:
    """Return ``100 of 100 epochs in 339 s``."""
    took = f" in {run.seconds:,.0f} s" if is_number(run.seconds) else ""
    return f"{run.epoch} of {run.epochs or '?'} epochs{took}"


def errors(run: Result) -> str:
    """Return the scores, and at which epoch they were taken."""
    known = {
        "train": percent(run.train_error),
        "test": percent(run.test_error),
        "validation": percent(run.validation_error),
    }
    parts = [f"{name} {value}" for name, value in known.items() if value]
    if not parts or not run.best_epoch:
        return ", ".join(parts)
    last = percent(last_validation_error(run)) if run.best_epoch != run.epoch else ""
    after = f"; validation {last} after the last epoch, {run.epoch}" if last else ""
    return f"{', '.join(parts)}, at epoch {run.best_epoch}{after}"


def is_number(value: Any) -> bool:
    """Return whether a record's value is a finite number."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def percent(value: Any) -> str:
    """Return ``2.11 %``, or nothing where there is no number."""
    return f"{value:.2f} %" if is_number(value) else ""


def pairs(values: Mapping[str, Any]) -> str:
    """Return ``depth 3, width 256``; what is empty is left out."""
    return ", ".join(f"{name} {value}" for name, value in values.items() if value not in (None, "", ()))


def setting(value: Any) -> str:
    """Return a setting's value: ``0.1``, ``sgd (learning_rate 0.01)``, ``angle discrepancy``."""
    if isinstance(value, Mapping):
        rest = pairs({name: part for name, part in value.items() if name != "name"})
        return f"{value.get('name', '')} ({rest})" if rest else str(value.get("name", ""))
    return " ".join(map(setting, value)) if isinstance(value, (list, tuple)) else str(value)


def versions(provenance: Mapping[str, Any]) -> str:
    """Return the versions of lrarun, Python, NumPy and BLAS."""
    blas = provenance.get("blas")
    named = pairs({name: provenance.get(name) for name in ("lrarun", "python", "numpy")})
    return ", ".join(filter(None, (named, f"BLAS {pairs(blas)}" if isinstance(blas, Mapping) else "")))


def commit(provenance: Mapping[str, Any]) -> str:
    """Return the git commit that trained it."""
    name = provenance.get("git_commit")
    if not name:
        return ""
    return f"{name}, with uncommitted changes" if provenance.get("git_dirty") else str(name)


def resumed(later: Sequence[Any]) -> str:
    """Return the machines and versions that resumed a run, if any."""
    return "; ".join(pairs(flatten(entry)) for entry in later if isinstance(entry, Mapping))
