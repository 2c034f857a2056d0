"""One drive from its first tick to its last: set-up, commands, the loop that owns the clock, guards, faults, the end.

Who drives is decided in `cockpit.authority`; no window and no device is imported here.
"""
