"""Commands about the machine a person sits at: its checks (`doctor`), its wheel (`calibrate`), its screens (`rig`).

Nothing here drives, records or trains.
"""
