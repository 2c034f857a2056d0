"""Where the driver's head is: readers of tracking systems, and the arithmetic from their poses to the eye.

`pose` is pure (axes, quaternions, prediction); `natnet`, `vrpn` and `lsl` each read one kind of source in a thread of
their own and keep the newest pose. `cockpit.head` makes the rig's eye of it.
"""

from cockpit.tracking.natnet import NatNetReader
from cockpit.tracking.pose import HeadPose, HeadReader, TrackingError
from cockpit.tracking.vrpn import VrpnReader

__all__ = ["HeadPose", "HeadReader", "NatNetReader", "TrackingError", "VrpnReader"]
