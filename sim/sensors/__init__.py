"""What sensors send of each tick: pictures, scans, motion and events.

`suite` decides which sensors measure in a tick; the other modules make their messages. Sensors without readers are
skipped, so they cost nothing.
"""

from sim.sensors.scans import Scan
from sim.sensors.suite import PendingFrames, Sensors, casts_rays, check_sensor

__all__ = ["PendingFrames", "Scan", "Sensors", "casts_rays", "check_sensor"]
