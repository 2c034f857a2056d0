"""What the driver sees and hears: the pictures of the tick on the rig's screens, the instruments, the takeover chime.

`screens.DriverScreens` is the `TickConsumer`; `layout` puts screens on displays, `instruments` turns a tick into what
is to be said, `hud`, `path_overlay` and `pane` draw it, `chime` sounds, `keys` turns key strokes into driving.
"""

from cockpit.windows.screens import DriverScreens

__all__ = ["DriverScreens"]
