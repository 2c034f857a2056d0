"""The driver's windows: the pictures of the tick on the rig's screens, the instruments, the takeover chime.

`screens.DriverScreens` is the `TickConsumer`; `layout` puts screens on displays, `instruments` turns a tick into texts
and figures, `hud`, `path_overlay` and `pane` draw them, `keys` turns key strokes into driving. Nothing is decided here.
"""

from cockpit.windows.screens import DriverScreens

__all__ = ["DriverScreens"]
