"""The force on the steering wheel's rim: what it should be (`force`), and the motor that makes it (`motor`).

Keys, pedals and the wheel's angle are read in `cockpit.devices`.
"""
