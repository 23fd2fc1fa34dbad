"""The report: everything that a results folder holds, as one web page."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from lrarun.api.claims import check_claims
from lrarun.api.figures import drawable
from lrarun.api.inputs import SpecLike, all_specs_of, as_list, runs_in, specs_of
from lrarun.api.summary import summary_of
from lrarun.api.tables import Tables, tables
from lrarun.files import user_path
from lrarun.report.claims.claim import CheckedClaim
from lrarun.report.repetitions import MISSING, settings
from lrarun.report.web.page import Contents, Made, render_page
from lrarun.report.web.pictures import FIGURES, Picture, read_pictures
from lrarun.results.result import Result
from lrarun.runs.provenance import commit_and_changes
from lrarun.specs.paper_runs import rule_titles
from lrarun.specs.spec import Spec


def html_report(
    results: str | Path = "results",
    specs: SpecLike | Iterable[SpecLike] | None = None,
    figures: str | Path | None = None,
) -> str:
    """Return the web page of ``lrarun report``: an HTML document that needs no other file and no network.

    It has a row per setting with errors over seeds, learning curves, and every run's settings
    and provenance. If runs are the paper's, it has the paper's tables too, with verdicts and with
    what is missing, and the claims and figures that rest on them.

    Args:
        results: the folder that holds the runs' folders; an absent one holds no run.
        specs: the runs to show in place of the paper's protocol: spec files, specs or mappings.
        figures: a folder with PNG and SVG pictures to show. None: ``figures`` in the results
            folder if it is there; with specs, no pictures.

    Raises:
        UsageError: a folder can't be read.
        SpecError: a spec is not valid.
    """
    pictures = None if figures is None else user_path(figures)
    given = None if specs is None else as_list(specs)
    only = [name for one in given or () for name in _names(one)]
    return render_page(contents(user_path(results), all_specs_of(given), pictures, only, "lrarun.html_report"))


def _names(given: SpecLike) -> list[str]:
    """Return the page's name for an argument that it is confined to: the file, or the run's id."""
    return [str(given)] if isinstance(given, str | Path) else [spec.run_id for spec in specs_of(given)]


def contents(
    results: Path,
    specs: Sequence[Spec] | None = None,
    figures: Path | None = None,
    only: Sequence[str] = (),
    command: str = "",
) -> Contents:
    """Return all that the page shows.

    Args:
        results: the folder that holds the runs' folders.
        specs: the runs to show alone; None for all, with the paper's protocol in the tables.
        figures: as in :func:`html_report`.
        only: the names of what the specs come from, for the page to show.
        command: what makes the page, for its foot.

    Raises:
        UsageError: as :func:`html_report`.
    """
    runs = runs_in(results)
    if specs is not None:
        runs = runs_of(specs, runs)
    found = tables(runs, specs=specs, strict=False)
    papers = has_place(found, runs, specs)
    checked = check_claims(runs) if papers else []
    if specs is not None:
        checked = [one for one in checked if rests_on_runs(one)]
    shown = read_pictures(figures) if figures else [] if specs is not None else pictures_in(results)
    return Contents(
        found.cells if papers else None,
        runs,
        found.wanted if papers else {},
        rule_titles(),
        checked,
        shown,
        tuple(only),
        "" if shown or only or not papers else draw_command(runs, results),
        summary_of(runs, specs),
        Made(date.today().isoformat(), commit_text(), command),
    )


def has_place(found: Tables, runs: Sequence[Result], specs: Sequence[Spec] | None) -> bool:
    """Return whether a page of these runs has the paper's tables: a run is in one, or may be yet."""
    if specs is not None:
        return bool(found.wanted)
    return not runs or bool((found.cells["state"] != MISSING).any())


def commit_text() -> str:
    """Return the commit of lrarun's own work tree; empty if it is in none."""
    commit, changed = commit_and_changes()
    return f"{commit[:12]}, with uncommitted changes" if commit and changed else (commit or "")[:12]


def draw_command(runs: Sequence[Result], results: Path) -> str:
    """Return the command that draws a figure of the paper from some of the runs; empty if none can be drawn."""
    numbers = drawable(runs)
    return shlex.join(["lrarun", "figure", numbers[0], "--results", str(results)]) if numbers else ""


def rests_on_runs(one: CheckedClaim) -> bool:
    """Return whether runs decide a claim, and there are some; counts of matrix products need none."""
    return one.claim.kind != "products" and any(part.verdict != MISSING for part in one.comparisons)


def runs_of(specs: Sequence[Spec], runs: Sequence[Result]) -> list[Result]:
    """Return the runs of specs, whatever their probes."""
    wanted = {(settings(spec.to_dict()), spec.seed) for spec in specs}
    return [run for run in runs if (settings(run.spec), run.spec["seed"]) in wanted]


def pictures_in(results: Path) -> list[Picture]:
    """Return the pictures of the folder that ``lrarun figure`` writes into."""
    folder = results / FIGURES
    return read_pictures(folder) if folder.is_dir() else []
