"""How fast the simulator is, beside another checkout of it: `python -m benchmarks.speed`."""
