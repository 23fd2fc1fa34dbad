"""Probes: what a run can measure beside its losses, looking at a step from outside.

A probe is a frozen dataclass with a class attribute ``name`` and settings as its fields.
"""

from __future__ import annotations

from lrarun.settings import lookup

PROBES: dict[str, type] = {}


def get_probe(name: str) -> type:
    """The probe class of that name; raises ``UnknownName`` (a KeyError) for another."""
    return lookup("probe", PROBES, name)
