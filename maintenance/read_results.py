"""How long does it take to read N finished runs and to print them? python maintenance/read_results.py [N]."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from lrarun.api.summary import summary_of
from lrarun.paper import printed_cells
from lrarun.report.cells import Wanted, fill
from lrarun.report.repetitions import well_formed
from lrarun.report.summary.render import render_summary
from lrarun.report.tables import render
from lrarun.results.read import read_results
from tests.support.fabricate import protocol, spec_for, write_run


def main(count: int) -> None:
    keys = list(protocol())
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        for number in range(count):
            spec = spec_for(keys[number % len(keys)], seed=number // len(keys))
            provenance = {f"fact {line}": "x" * 40 for line in range(20)}
            write_run(results, spec, name=f"{number:06d}", train_error=1.0, test_error=2.0, provenance=provenance)
        start = time.process_time()
        runs = well_formed(read_results(results))
        read = time.process_time()
        cells = fill(runs, {key: Wanted(spec) for key, spec in protocol().items()})
        render(cells, "text")
        tables = time.process_time()
        summary = summary_of(runs)
        render_summary(summary, "text", 80)
        end = time.process_time()
    parts = f"read {read - start:.2f} s, tables {tables - read:.2f} s, summary {end - tables:.2f} s"
    print(f"{count} runs over {len(printed_cells())} cells and {len(summary.rows)} settings: {parts}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
