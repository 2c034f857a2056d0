"""Where the driver's head is: readers of tracking systems, and the arithmetic from their poses to the eye.

`pose` is pure (axes, quaternions, prediction); `natnet`, `vrpn` and `lsl` each read one kind of source in a thread of
their own and keep the newest pose. `eye` makes the rig's eye of it; the views that follow from it are in
`cockpit.rig`.
"""

from cockpit.head.natnet import NatNetReader
from cockpit.head.pose import HeadPose, HeadReader, TrackingError
from cockpit.head.vrpn import VrpnReader

__all__ = ["HeadPose", "HeadReader", "NatNetReader", "TrackingError", "VrpnReader"]
