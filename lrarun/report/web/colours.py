"""The rules' colours as a screen needs them, light or dark."""

from __future__ import annotations

from lrarun.report.figures.style import look

LIGHT, DARK = "#ffffff", "#14171b"
# What WCAG 2 (1.4.11) asks of lines that carry meaning.
CONTRAST = 3.0


def channels(colour: str) -> tuple[int, ...]:
    """Return red, green and blue: ``#0072b2`` -> (0, 114, 178)."""
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def luminance(colour: str) -> float:
    """Return relative luminance as WCAG 2 defines it, 0 for black to 1 for white."""
    shares = (channel / 255 for channel in channels(colour))
    linear = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one: str, other: str) -> float:
    """Return contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def legible(colour: str, background: str) -> str:
    """Return the colour, mixed with black or white until it stands out from a background."""
    end = 0 if luminance(background) > 0.5 else 255
    for step in range(21):
        mixed = "#" + "".join(f"{round(value + (end - value) * step / 20):02x}" for value in channels(colour))
        if contrast(mixed, background) >= CONTRAST:
            break
    return mixed


def line_colours(rule: str) -> tuple[str, str]:
    """Return a rule's colour on a light page and on a dark one."""
    return on_screen(look(rule).colour)


def on_screen(colour: str) -> tuple[str, str]:
    """Return a colour as it is on a light page and on a dark one, where greys swap light and dark."""
    red, green, blue = channels(colour)
    turned = f"#{255 - red:02x}{255 - green:02x}{255 - blue:02x}" if red == green == blue else colour
    return legible(colour, LIGHT), legible(turned, DARK)
