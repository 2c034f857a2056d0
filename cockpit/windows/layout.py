"""Which screen of the rig goes on which display: pure, so that it can be tested without any.

With a display for every screen each gets a borderless window of its own; with fewer, one window holds them as panes
side by side, in the order in which the driver would see them.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.config import ConfigError
from cockpit.rig import Rig


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


def place_screens(rig: Rig, display_names: Sequence[str], layout: Layout = Layout.AUTO) -> Placement:
    """Put every screen of `rig` on a display.

    Raises:
        ConfigError: WINDOWS was asked for and there are too few displays, or one that the rig names is not there.
    """
    enough = len(display_names) >= len(rig.screens)
    wants_windows = layout is Layout.WINDOWS or (layout is Layout.AUTO and enough and len(rig.screens) > 1)
    if not wants_windows:
        return Placement(Layout.PANES, dict.fromkeys((screen.name for screen in rig.screens), 0))
    if not enough:
        raise ConfigError(
            f"rig '{rig.name}' has {len(rig.screens)} screens, but there are {len(display_names)} displays "
            f"({', '.join(display_names)}); plug in more, or use layout 'panes'"
        )
    return Placement(Layout.WINDOWS, _assigned(rig, display_names))


def pane_order(rig: Rig) -> tuple[str, ...]:
    """Screen names from left to right as the driver sees them."""
    return tuple(screen.name for screen in sorted(rig.screens, key=lambda screen: screen.yaw_deg))


def _assigned(rig: Rig, display_names: Sequence[str]) -> dict[str, int]:
    """Named displays first; the others take what is left, in order."""
    chosen: dict[str, int] = {}
    for screen in rig.screens:
        if screen.display is not None:
            chosen[screen.name] = _index_of(screen.display, display_names, screen.name)
    doubles = [name for name, index in chosen.items() if list(chosen.values()).count(index) > 1]
    if doubles:
        raise ConfigError(
            f"rig '{rig.name}': screens {' and '.join(doubles)} are on the same display; give each its own"
        )
    free = [index for index in range(len(display_names)) if index not in chosen.values()]
    for screen in rig.screens:
        if screen.name not in chosen:
            chosen[screen.name] = free.pop(0)
    return chosen


def _index_of(display: str | int, display_names: Sequence[str], screen: str) -> int:
    if isinstance(display, int) and 0 <= display < len(display_names):
        return display
    if isinstance(display, str) and display in display_names:
        return list(display_names).index(display)
    raise ConfigError(
        f"screen '{screen}' wants display {display!r}; there are {len(display_names)}: "
        + ", ".join(f"{index} = {name}" for index, name in enumerate(display_names))
    )
