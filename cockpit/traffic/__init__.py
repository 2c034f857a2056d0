"""Background traffic: CARLA's TrafficManager in a process of its own, or recorded trajectories. No scenarios."""
