"""Which screen of the rig goes on which display: pure, so that it can be tested without any.

With a display for every screen each gets a borderless window of its own; with fewer, one window holds them as panes
side by side, in the order in which the driver would see them.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.config import ConfigError
from cockpit.rig.rig import Rig, Shown


class Layout(enum.StrEnum):
    """How screens become windows."""

    AUTO = "auto"
    WINDOWS = "windows"
    PANES = "panes"


@dataclass(frozen=True, slots=True)
class Placement:
    """What was decided."""

    layout: Layout
    """WINDOWS or PANES."""
    display_of: dict[str, int]
    """Screen name -> index of its display; with panes, every one is on the same."""


def place_screens(
    rig: Rig, display_names: Sequence[str], layout: Layout = Layout.AUTO, serials: Sequence[str] = ()
) -> Placement:
    """Put every screen of `rig`, and every inset that stands alone, on a display.

    `serials` are the displays' serial numbers, in the same order; a rig may name a display by either.

    Raises:
        ConfigError: WINDOWS was asked for and there are too few displays, or one that the rig names is not there.
    """
    shown = rig.shown_alone()
    enough = _displays_needed(shown) <= len(display_names)
    has_displays_for_it = len(shown) > 1 or any(part.machine is not None for part in shown)
    wants_windows = layout is Layout.WINDOWS or (layout is Layout.AUTO and enough and has_displays_for_it)
    if not wants_windows:
        return Placement(Layout.PANES, dict.fromkeys((part.name for part in shown), 0))
    if not enough:
        raise ConfigError(
            f"rig '{rig.name}' has {len(shown)} screens, but there are {len(display_names)} displays "
            f"({', '.join(display_names)}); plug in more, or use layout 'panes'"
        )
    return Placement(Layout.WINDOWS, _assigned(rig.name, shown, display_names, serials))


def display_for_others(placement: Placement, hud_name: str, count: int) -> int:
    """Index of the display for a window that is not the driver's: one without a screen; else one that has not the
    instruments, where it lies over a side screen; else the only one.
    """
    taken = placement.display_of
    free = [index for index in range(count) if index not in taken.values()]
    aside = [index for index in range(count) if index != taken.get(hud_name)]
    return next(iter([*free, *reversed(aside), 0]))


def pane_order(rig: Rig) -> tuple[str, ...]:
    """Screen names from left to right as the driver sees them; what stands alone beside the screens comes last."""
    screens = sorted(rig.screens, key=lambda screen: screen.yaw_deg)
    return (*(screen.name for screen in screens), *(part.name for part in rig.shown_alone()[len(screens) :]))


def _displays_needed(shown: Sequence[Shown]) -> int:
    """One a screen; those that take a region of one and the same display need it once."""
    shared = {part.display for part in shown if part.region_px is not None and part.display is not None}
    alone = [part for part in shown if part.region_px is None or part.display is None]
    return len(alone) + len(shared)


def _assigned(
    rig_name: str, shown: Sequence[Shown], display_names: Sequence[str], serials: Sequence[str]
) -> dict[str, int]:
    """Named displays first; the others take what is left, in order."""
    chosen: dict[str, int] = {}
    for part in shown:
        if part.display is not None:
            chosen[part.name] = _index_of(part.display, display_names, serials, part.name)
    whole = {part.name for part in shown if part.region_px is None}
    doubles = [name for name, index in chosen.items() if list(chosen.values()).count(index) > 1]
    if whole.intersection(doubles):
        raise ConfigError(
            f"rig '{rig_name}': screens {' and '.join(doubles)} are on the same display; give each its own, or each "
            "a region_px of it"
        )
    free = [index for index in range(len(display_names)) if index not in chosen.values()]
    for part in shown:
        if part.name not in chosen:
            chosen[part.name] = free.pop(0)
    return chosen


def _index_of(display: str | int, display_names: Sequence[str], serials: Sequence[str], screen: str) -> int:
    if isinstance(display, int) and 0 <= display < len(display_names):
        return display
    for names in (display_names, serials):
        if isinstance(display, str) and list(names).count(display) == 1:
            return list(names).index(display)
    known = [f"{index} = {name}" for index, name in enumerate(display_names)]
    if any(serials):
        known = [f"{text} (serial {serial or 'unknown'})" for text, serial in zip(known, serials, strict=True)]
    raise ConfigError(f"screen '{screen}' wants display {display!r}; there are {len(known)}: {', '.join(known)}")
