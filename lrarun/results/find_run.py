"""Which run a user means by what they typed, and how runs with similar ids differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrarun.errors import Incomplete, UsageError, indented
from lrarun.files import user_path
from lrarun.results.read import read_any_name, read_results
from lrarun.results.result import Result
from lrarun.results.settings import by_sweep_key, differing
from lrarun.settings import nearest

MIN_DIGEST = 4  # characters of a digest that name a run; fewer would match by chance


def find_result(results: Path, typed: str) -> Result:
    """Return the one run that a user means by its id, the digest at its end, the start of either, or its folder.

    Args:
        results: the folder that holds the runs' folders.
        typed: what the user typed.

    Raises:
        UsageError: it matches several runs.
        Incomplete: it matches none.
    """
    for folder in (results / typed, user_path(typed)):
        result = read_any_name(folder.resolve())
        if result is not None:
            return result
    by_id = {result.run_id: result for result in read_results(results)}
    matches = _matches(typed, by_id)
    if len(matches) == 1:
        return by_id[matches[0]]
    if matches:
        differences = differences_of_similar({run_id: by_id[run_id].spec for run_id in matches})
        lines = [f"{run_id}  {differences[run_id]}".rstrip() for run_id in matches]
        raise UsageError("\n".join([f"{typed!r} means {len(matches)} runs; write more of it:", *indented(lines)]))
    if not by_id:
        raise Incomplete(f"no runs in {results}; train some, name another folder with --results, or add --reference")
    close = nearest(typed, by_id)
    if close:
        raise Incomplete(f"no run {typed!r} in {results}; did you mean {close}?")
    lines = [f"no run {typed!r} in {results}; there are {len(by_id)}, for example:", *indented(list(by_id))]
    raise Incomplete("\n".join(lines))


def _matches(typed: str, run_ids: Mapping[str, Result]) -> list[str]:
    """Return the ids that start with the text or end in it as their digest; else those whose digest starts with it."""
    found = [run_id for run_id in run_ids if run_id.startswith(typed) or run_id.endswith(f"-{typed}")]
    if not found and len(typed) >= MIN_DIGEST:
        found = [run_id for run_id in run_ids if run_id.rpartition("-")[2].startswith(typed)]
    return found


def differences_of_similar(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return how each run differs from those whose ids are the same but for the digest: ``algorithm.beta=0.05``.

    Args:
        specs: run id -> resolved spec.

    Returns:
        Run id -> the settings that differ; empty where no other id is similar.
    """
    settings = {run_id: by_sweep_key(spec) for run_id, spec in specs.items()}
    similar: dict[str, list[dict[str, Any]]] = {}
    for run_id, own in settings.items():
        similar.setdefault(_readable_part(run_id), []).append(own)
    varied = {name: set(differing(group)) for name, group in similar.items()}
    return {
        run_id: ", ".join(f"{key}={value}" for key, value in own.items() if key in varied[_readable_part(run_id)])
        for run_id, own in settings.items()
    }


def _readable_part(run_id: str) -> str:
    """Return a run id without its digest."""
    return run_id.rpartition("-")[0]
