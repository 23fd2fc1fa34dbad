"""What a run in training emits, and that it arrives as it was emitted."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest

from lrarun.runs.events import Busy, CheckpointSaved, Ended, EpochDone, Event, Hooks, Started
from lrarun.runs.run import run
from lrarun.scheduling.watcher import Watcher
from tests.support.small_runs import spec
from tests.support.synthetic import synthetic_dataset


def test_a_run_emits_its_start_and_each_epoch_and_checkpoint(tmp_path):
    events = []
    result = run(
        spec("synthetic"), synthetic_dataset(samples=650), tmp_path, Hooks(events.append, checkpoint_seconds=0.0)
    )
    assert events[0] == Started(0)
    assert [event.record["epoch"] for event in events if type(event) is EpochDone] == [1, 2, 3]
    saved = [event for event in events if type(event) is CheckpointSaved]
    assert saved == sorted(saved) and saved[-1] == CheckpointSaved(3, 0.0)
    assert pickle.loads(pickle.dumps(events)) == events and result.finished


@pytest.mark.parametrize("kind", get_args(Event))
def test_a_watcher_has_a_method_for_every_event_that_is_not_the_last(kind):
    calls = []

    class Recorder(Watcher):
        def __getattribute__(self, name):
            return object.__getattribute__(self, name) if name == "event" else lambda *values: calls.append(values)

    event = kind(*range(len(kind._fields)))
    Recorder().event("job", event)
    assert calls == ([] if kind in (Ended, Busy) else [("job", *event)])
