"""One drive from its first tick to its last: set-up, commands, the loop that owns the clock,
guards, faults and its end. Who drives is decided in `cockpit.authority`, and no window or device is known here.
"""
