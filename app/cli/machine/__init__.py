"""Commands about the driver's machine: its checks (`doctor`), its wheel (`calibrate`), its screens (`rig`).

No command here drives, records or trains.
"""
