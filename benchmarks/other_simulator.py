"""The step of another driving simulator that pip installs, highway-env, with as many vehicles and the same 20 Hz.

Run it with the Python of a throw-away environment (nothing of this project is imported):

    python -m venv /tmp/others && /tmp/others/bin/pip install highway-env
    /tmp/others/bin/python benchmarks/other_simulator.py

CPU time is that of the process and its threads, so that the figure hardly hangs on what else the machine does.
"""

from __future__ import annotations

import argparse
import importlib
import time

STEP_HZ = 20


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--vehicles", type=int, default=20)
    options = parser.parse_args()
    gymnasium = importlib.import_module("gymnasium")
    importlib.import_module("highway_env")
    config = {
        "vehicles_count": options.vehicles - 1,
        "simulation_frequency": STEP_HZ,
        "policy_frequency": STEP_HZ,
        "duration": 100_000,
    }
    env = gymnasium.make("highway-v0", config=config)
    env.reset(seed=0)
    idle = 1
    cpu_s = time.process_time()
    for _ in range(options.steps):
        *_, over, cut, _ = env.step(idle)
        if over or cut:
            env.reset()
    cpu_ms = 1e3 * (time.process_time() - cpu_s) / options.steps
    vehicles = len(env.unwrapped.road.vehicles)
    print(f"highway-env: {vehicles} vehicles, {cpu_ms:.2f} ms CPU a step, {1e3 / cpu_ms:.0f} steps a CPU second")


if __name__ == "__main__":
    main()
