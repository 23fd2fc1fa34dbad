"""``lrarun validate``: the mistakes that ``train`` would refuse, without training."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lrarun.cli.support.options import json_option, quiet_option, set_option, specs_argument
from lrarun.errors import LrarunError, SpecError, UsageError


@click.command()
@specs_argument
@set_option
@json_option
@quiet_option
def validate(specs: tuple[Path, ...], overrides: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Check spec files without training.

    Makes the checks of lrarun train and reports every mistake in every file, as
    FILE:LINE:COLUMN. Reads a data set of your own to its end, and takes the first step
    of a rule of your own on made-up images; downloads nothing. Exits with 2 if there is
    a mistake.

    \b
    Examples:
      lrarun validate *.yaml
      lrarun validate my.yaml --set algorithm.beta=0.2
      lrarun validate my.yaml --json
    """
    from lrarun.cli.support.printing import hanging, print_json
    from lrarun.report.wording import plural

    reports = [report(path, overrides) for path in specs]
    if as_json:
        print_json(reports)
    for each in reports:
        if not as_json and each["valid"] and not quiet:
            holds = each.get("holds") or plural(len(each["runs"]), "run")
            click.echo(hanging(f"{each['file']}: valid, {holds}"))
        elif not as_json and not each["valid"]:
            click.echo(each["message"], err=True)
    bad = sum(not each["valid"] for each in reports)
    if bad:
        raise UsageError(f"{bad} of {plural(len(reports), 'spec file')} not valid")


def report(path: Path, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the report on one file; ``message`` has the mistakes as text."""
    from lrarun.report.wording import plural
    from lrarun.runs.rehearsal import check_first_steps
    from lrarun.specs.build import build_specs
    from lrarun.specs.dataset_check import check_datasets
    from lrarun.specs.search import has_search, search_in
    from lrarun.specs.yaml_text import read_source

    found: dict[str, Any] = {"file": str(path), "valid": True, "runs": [], "problems": [], "message": ""}
    try:
        source = read_source(path)
        search = search_in(source, overrides) if has_search(source) else None
        file = search.file if search else build_specs(source, overrides)
        check_first_steps(file, check_datasets(file, whole=True))
        if search:
            return found | {"holds": f"a search of {plural(search.budget.trials, 'trial')}"}
        found["runs"] = [spec.run_id for spec in file.specs()]
    except SpecError as error:
        found |= {"valid": False, "problems": [asdict(each) for each in error.problems], "message": str(error)}
    except LrarunError as error:
        message = f"{path}: {error}"
        problem = {"file": str(path), "line": None, "column": None, "message": str(error), "snippet": ""}
        found |= {"valid": False, "problems": [problem], "message": message}
    return found
