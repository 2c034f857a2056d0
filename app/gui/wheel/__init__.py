"""The page that calibrates a wheel: finds its axes and buttons, and writes its profile.

Reading devices and telling movements apart is in `cockpit.devices`.
"""
