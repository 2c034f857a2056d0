"""Everything between the world and the driver: CARLA session, rig, devices, arbitration, the driver's windows."""
