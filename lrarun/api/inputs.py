"""What callers hand in: a results folder, and specs in any of their forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lrarun.files import user_path
from lrarun.report.repetitions import well_formed
from lrarun.results.read import read_results
from lrarun.results.result import Result
from lrarun.specs.build import load_specs, make_spec
from lrarun.specs.spec import Spec

# One spec, a mapping as one would write it in YAML, or a spec file, which may hold several runs.
SpecLike = Spec | Mapping[str, Any] | str | Path


def runs_in(results: str | Path) -> list[Result]:
    """Return the runs of a results folder, without folders that are no run; an absent folder has none.

    Raises:
        UsageError: the folder can't be read.
    """
    return well_formed(read_results(user_path(results)))


def specs_of(given: SpecLike) -> list[Spec]:
    """Return the specs that one argument stands for; a file may hold several.

    Raises:
        SpecError: it is not valid.
        TypeError: it is no spec at all.
    """
    if isinstance(given, Spec):
        return [given]
    return load_specs(given) if isinstance(given, str | Path) else [make_spec(given)]


def as_list(given: SpecLike | Iterable[SpecLike] | None) -> list[SpecLike]:
    """Return the spec, or the specs, of an argument as a list; None has none."""
    if given is None:
        return []
    return [given] if isinstance(given, Spec | Mapping | str | Path) else list(given)


def all_specs_of(given: SpecLike | Iterable[SpecLike] | None) -> list[Spec] | None:
    """Return the specs of an argument that may also be a list; None stands for the paper's runs and stays None.

    Raises:
        SpecError: one is not valid.
        TypeError: one is no spec at all.
    """
    return None if given is None else [spec for one in as_list(given) for spec in specs_of(one)]
