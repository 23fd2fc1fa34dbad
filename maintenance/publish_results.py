"""Copy finished runs, without their weights, into a published folder: ``make publish FROM=dir TO=dir``.

Studies of ``lrarun tune`` come with all that their trials are read from, pruned runs too.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from lrarun.results import run_folder
from lrarun.results.read import read_results
from lrarun.results.result import DIVERGED, FINISHED, PRUNED, Result
from lrarun.tuning.study import STUDIES
from lrarun.tuning.study_file import STUDY
from lrarun.tuning.winner import WINNER

PUBLISHED = (run_folder.SPEC, run_folder.RUN, run_folder.LOG, run_folder.PREDICTIONS)


def publish(results: Path, target: Path) -> list[Result]:
    """Copy the small files of each finished, diverged or pruned run, and replace those of a run that is there."""
    runs = read_results(results)
    chosen = [run for run in runs if run.state in (FINISHED, DIVERGED, PRUNED)]
    for path in (path for name in (STUDY, WINNER) for path in (results / STUDIES).glob(f"*/{name}")):
        copy = target / path.relative_to(results)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    for result in chosen:
        folder = target / result.run_id
        folder.mkdir(parents=True, exist_ok=True)
        for name in PUBLISHED:
            if (result.folder / name).exists():
                shutil.copyfile(result.folder / name, folder / name)
        if result.dataset_path is not None:  # a place on this machine
            record = {key: value for key, value in result.record.items() if key != "dataset_path"}
            (folder / run_folder.RUN).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return chosen


if __name__ == "__main__":
    source, destination = map(Path, sys.argv[1:3])
    print(f"{len(publish(source, destination))} runs copied to {destination}", file=sys.stderr)
