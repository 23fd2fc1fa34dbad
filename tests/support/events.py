"""Listen to a run in training."""

from __future__ import annotations


def on(listeners):
    """Return an ``emit`` for :class:`lrarun.runs.events.Hooks` that calls a function per kind of event.

    Args:
        listeners: kind of event -> function of the event's values.
    """

    def emit(event):
        if type(event) in listeners:
            listeners[type(event)](*event)

    return emit
