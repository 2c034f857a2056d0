"""What sensors send of each tick: pictures, scans, motion and events.

`suite` decides what is due and for whom; the other modules say what is in a message. A sensor that nobody listens to
costs nothing: everything starts from the sensors with readers.
"""

from sim.sensors.suite import PendingFrames, Sensors, check_sensor

__all__ = ["PendingFrames", "Sensors", "check_sensor"]
