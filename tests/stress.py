"""Everything that can happen to many runs, at once; then every byte is compared with undisturbed ones.

    make stress                         # or: python tests/stress.py [--runs 40] [--only processes]

Processes: 40 runs on 4 processes. Workers are killed, the main process is killed and
started again, a second invocation runs beside it, and the disk, a small tmpfs, is
filled. Whenever all commands have ended, each run is finished, or named with its reason
by the last one; no file is torn; in the end a plain repetition finishes all.

Cluster: the same runs on a Dask LocalCluster of 4 worker processes, three of which
are killed.

A study: ``lrarun tune`` on 2 processes, killed with its workers about twenty times and
gone on with; its table of trials is that of an undisturbed one.

Exits with 1 if something does not hold. A tmpfs needs root, or a kernel that lets users
have mount namespaces; without either, the disk is not filled, and that is said.
"""

from __future__ import annotations

import argparse
import csv
import errno
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lrarun.files import TEMPORARY
from lrarun.results.read import read_result, read_results
from lrarun.results.result import FINISHED
from lrarun.specs.build import load_specs
from tests.support.small_runs import contents, holding, lrarun, until, write_dataset, write_spec
from tests.support.small_search import write_search

NAMESPACE = "LRARUN_STRESS_NAMESPACE"
DISK = 24 << 20  # bytes of the small disk


def say(text: str) -> None:
    print(text, flush=True)


def check(holds: bool, what: str) -> None:
    say(f"  {'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        raise SystemExit(1)


@contextmanager
def small_disk(folder: Path):
    """Mount a tmpfs of :data:`DISK` bytes on a folder; yield whether that worked."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "lrarun-stress", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield bool(mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(disk: Path) -> None:
    """Fill the disk to the last byte."""
    with open(disk / "filler", "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass


class Watch(threading.Thread):
    """Remembers each run's files when it is first seen finished, because no later training may replace them."""

    def __init__(self, results: Path):
        super().__init__(daemon=True)
        self.results, self.seen, self.over = results, {}, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.look()

    def look(self) -> None:
        for result in read_results(self.results):
            if result.state == FINISHED and result.run_id not in self.seen:
                with suppress(OSError):
                    self.seen[result.run_id] = self.identity(result.run_id)

    def identity(self, run_id: str) -> tuple[int, int]:
        facts = (self.results / run_id / "parameters.npz").stat()
        return facts.st_ino, facts.st_mtime_ns


def torn(results: Path) -> list[str]:
    """Return the files that are damaged while nobody is writing."""
    bad = []
    for path in (path for folder in results.iterdir() if folder.is_dir() for path in folder.iterdir()):
        try:
            if path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".npz":
                with np.load(path) as archive:
                    [archive[name] for name in archive.files]
            elif path.suffix == ".csv" and path.stat().st_size:
                rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
                if not path.read_bytes().endswith(b"\n") or any(len(row) != len(rows[0]) for row in rows):
                    raise ValueError("a row is cut")
        except Exception as error:
            bad.append(f"{path}: {error}")
    return bad


class Commands:
    """The ``lrarun train`` commands that are running, and the output of those that ended."""

    def __init__(self, file: Path, results: Path):
        self.file, self.results = file, results
        self.running: list[subprocess.Popen] = []
        self.said: list[str] = []
        self.codes: list[int] = []

    def start(self) -> subprocess.Popen:
        command = lrarun("train", self.file, "--results", self.results, "--jobs", 4)
        self.running.append(command)
        return command

    def kill(self, command: subprocess.Popen) -> None:
        command.kill()
        command.communicate()
        self.running.remove(command)

    def wait(self) -> None:
        for command in self.running:
            self.said.append(command.communicate(timeout=900)[1])
            self.codes.append(command.returncode)
        self.running.clear()


def pause_until_finished(results: Path, count: int, commands: Commands) -> None:
    """Wait until ``count`` runs are finished, or no command is left to finish them."""
    while sum(result.finished for result in read_results(results)) < count:
        if all(command.poll() is not None for command in commands.running):
            return
        time.sleep(0.02)


def disturb(commands: Commands, results: Path, runs: int, disk: Path | None) -> None:
    """Kill a worker and the main process, start a second command, and fill the disk, each at a stage of the work."""
    chance, main = random.Random(3), commands.start()
    pause_until_finished(results, runs // 8, commands)
    workers = holding(results) - {main.pid}
    os.kill(chance.choice(sorted(workers)), signal.SIGKILL)
    say("  a worker was killed")
    pause_until_finished(results, runs // 5, commands)
    second = commands.start()
    say("  a second invocation was started beside it")
    pause_until_finished(results, runs // 3, commands)
    commands.kill(main)
    say("  the main process was killed")
    pause_until_finished(results, runs // 2, commands)
    commands.start()
    say("  and started again")
    if disk is None:
        return
    pause_until_finished(results, 2 * runs // 3, commands)
    fill(disk)
    say("  the disk was filled")
    end = time.monotonic() + 20
    while time.monotonic() < end and second.poll() is None:
        time.sleep(0.1)


def processes(runs: int, epochs: int, file: Path, undisturbed: Path, folder: Path) -> None:
    with small_disk(folder / "disk") as limited:
        if not limited:
            say("  no tmpfs can be mounted here: the disk will not be filled")
        results, disk = folder / "disk" / "results", folder / "disk" if limited else None
        results.mkdir()
        watch, commands = Watch(results), Commands(file, results)
        watch.start()
        disturb(commands, results, runs, disk)
        commands.wait()
        wanted = {spec.run_id for spec in load_specs(file)}
        check(not torn(results), f"no file is torn, {torn(results)}")
        states = {run_id: read_result(results / run_id) for run_id in wanted}
        unfinished = {run_id for run_id, result in states.items() if result is None or not result.finished}
        unnamed = {run_id for run_id in unfinished if not any(f"{run_id}: " in text for text in commands.said)}
        check(not unnamed, f"of {runs} runs, {runs - len(unfinished)} are finished and {len(unfinished)} are named")
        check(set(commands.codes) <= {0, 3} and (3 in commands.codes or not unfinished), f"exit codes {commands.codes}")
        reasons = {
            line.split(": ", 2)[2]
            for text in commands.said
            for line in text.splitlines()
            if line.startswith("  ") and ": " in line
        }
        for reason in sorted(reasons):
            say(f"    reason: {reason}")
        if disk is not None:
            full = os.strerror(errno.ENOSPC)
            check(any(full in reason for reason in reasons), "the full disk is among the reasons")
            (disk / "filler").unlink()
        commands.start()
        commands.wait()
        check(commands.codes[-1] == 0, "a plain repetition finishes the rest")
        watch.over.set()
        watch.join()
        watch.look()
        replaced = [run_id for run_id, identity in watch.seen.items() if watch.identity(run_id) != identity]
        check(len(watch.seen) == runs and not replaced, f"{len(watch.seen)} runs were finished once, and never again")
        compare(results, undisturbed)


def cluster(runs: int, file: Path, undisturbed: Path, folder: Path) -> None:
    try:
        from distributed import LocalCluster
    except ImportError:
        say("  left out: dask.distributed is not installed (pip install -e '.[cluster]')")
        return
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    results, chance = folder / "cluster", random.Random(5)
    with LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None, silence_logs=50) as local:
        command = lrarun("train", file, "--results", results, "--scheduler", local.scheduler_address)
        for count in (runs // 8, runs // 4, runs // 2):
            while sum(result.finished for result in read_results(results)) < count:
                time.sleep(0.005)
            workers = until(lambda: holding(results))
            # The moment after a run has finished is when its own worker has something left to do.
            os.kill(chance.choice(sorted(workers)), signal.SIGKILL)
            say("  a worker was killed")
        _, said = command.communicate(timeout=900)
    check(command.returncode == 0, f"exit code {command.returncode}{said if command.returncode else ''}")
    compare(results, undisturbed)


def interrupted(file: Path, results: Path) -> None:
    """Press Ctrl-C, as a terminal sends it: every process stops within two seconds, and the runs can resume."""
    command = lrarun("train", file, "--results", results, "--jobs", 2, start_new_session=True)
    while sum(result.epoch > 0 for result in read_results(results)) < 2:
        time.sleep(0.02)
    started = time.monotonic()
    os.killpg(command.pid, signal.SIGINT)
    command.communicate(timeout=60)
    took = time.monotonic() - started
    check(command.returncode == 130 and took < 2, f"Ctrl-C: exit code {command.returncode} after {took:.1f} s")


def study(epochs: int, dataset: str, folder: Path, kills: int = 20) -> None:
    """Kill ``lrarun tune`` with its workers at moments of all kinds, go on with it, and compare the trials."""
    if importlib.util.find_spec("optuna") is None:
        say("  left out: Optuna is not installed (pip install -e '.[tune]')")
        return
    budget = {"trials": 24, "epochs": epochs}
    file, chance = write_search(folder / "search.yaml", dataset, budget=budget), random.Random(7)

    def tune(name: str, jobs: int) -> subprocess.Popen:
        arguments = ("tune", file, "--results", folder / name, "--jobs", jobs, "--format", "csv")
        return lrarun(*arguments, start_new_session=True)

    whole = tune("whole", 1)
    undisturbed, said = whole.communicate(timeout=900)
    check(whole.returncode == 0, f"24 trials, undisturbed{said if whole.returncode else ''}")
    killed, code, printed, said = 0, -1, "", ""
    while code:
        command = tune("killed", 2)
        if killed < kills:
            with suppress(subprocess.TimeoutExpired):
                command.wait(timeout=chance.uniform(1.5, 4.0))
            if command.poll() is None:
                os.killpg(command.pid, signal.SIGKILL)
                killed += 1
        printed, said = command.communicate(timeout=900)
        code = command.returncode
        if code not in (0, -signal.SIGKILL):
            check(False, f"exit code {code}{said}")
    check(killed >= kills // 2, f"it was killed {killed} times before it ended")
    check(printed == undisturbed, "the trials are those of the undisturbed study, to the digit")


def compare(results: Path, undisturbed: Path) -> None:
    check(not list(results.rglob(f"{TEMPORARY}*")), "nothing is left of killed writers")
    check(not torn(results), "no file is torn")
    ours, theirs = contents(results), contents(undisturbed)
    differing = [
        f"{run_id}/{part}"
        for run_id, run in theirs.items()
        for part in run
        if ours.get(run_id, {}).get(part) != run[part]
    ]
    for name in differing:
        run_id, part = name.split("/")
        say(f"    {name}: {str(ours.get(run_id, {}).get(part))[:2000]}\n    not {str(theirs[run_id][part])[:2000]}")
    same = not differing and set(ours) == set(theirs)
    check(same, "every byte is that of the runs one after another, timings aside")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--only", choices=["processes", "cluster", "study"])
    options = parser.parse_args()
    may_mount = os.geteuid() == 0 or NAMESPACE in os.environ
    if not may_mount and shutil.which("unshare"):
        inside = ["unshare", "--user", "--map-root-user", "--mount"]
        if subprocess.run([*inside, "true"], capture_output=True).returncode == 0:
            os.execvpe(inside[0], [*inside, sys.executable, *sys.argv], {**os.environ, NAMESPACE: "1"})
    with tempfile.TemporaryDirectory(prefix="lrarun-stress-") as name:
        folder = Path(name)
        dataset = write_dataset(folder / "small.npz")
        file = write_spec(folder / "spec.yaml", dataset, runs=options.runs, epochs=options.epochs)
        say(f"{options.runs} runs, one after another, undisturbed")
        started = time.monotonic()
        command = lrarun("train", file, "--results", folder / "undisturbed", "--jobs", 1)
        said = command.communicate()[1]
        check(command.returncode == 0, f"{time.monotonic() - started:.0f} s{said if command.returncode else ''}")
        say("Ctrl-C")
        interrupted(file, folder / "interrupted")
        if options.only in (None, "study"):
            say("a study of lrarun tune on 2 processes, killed and gone on with")
            study(options.epochs, dataset, folder)
        if options.only in (None, "processes"):
            say("the same on 4 processes, disturbed")
            processes(options.runs, options.epochs, file, folder / "undisturbed", folder)
        if options.only in (None, "cluster"):
            say("the same on a Dask LocalCluster of 4 processes, three of them killed")
            cluster(options.runs, file, folder / "undisturbed", folder)
    say("all holds")


if __name__ == "__main__":
    main()
