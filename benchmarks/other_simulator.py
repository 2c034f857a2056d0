"""The steps of two other driving simulators that pip installs, highway-env and gym-duckietown, at a 20 Hz step.

Run it with the Python of a throw-away environment (nothing of this project is imported):

    python3.11 -m venv /tmp/others && /tmp/others/bin/pip install highway-env duckietown-gym-daffy==6.1.34
    /tmp/others/bin/pip install --no-deps pyglet==1.5.27 numpy==1.23.5 scipy==1.10.1 matplotlib==3.7.5 \\
        contourpy==1.1.1 opencv-python==4.8.1.78
    xvfb-run -a /tmp/others/bin/python benchmarks/other_simulator.py

The second line is what gym-duckietown, last released for these, needs; it wants an X display and OpenGL. One that is
not installed is left out. CPU time is that of the process and its threads, drawing included where OpenGL is computed in
software, so that the figure hardly depends on other load of the machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import time
from collections.abc import Callable
from typing import Any

STEP_HZ = 20


def cpu_ms(step: Callable[[], Any], steps: int) -> float:
    """Mean CPU time of a step."""
    for _ in range(5):
        step()
    begun_s = time.process_time()
    for _ in range(steps):
        step()
    return 1e3 * (time.process_time() - begun_s) / steps


def highway(steps: int, vehicles: int) -> None:
    """Kinematic vehicles on a motorway."""
    gymnasium = importlib.import_module("gymnasium")
    importlib.import_module("highway_env")
    config = {
        "vehicles_count": vehicles - 1,
        "simulation_frequency": STEP_HZ,
        "policy_frequency": STEP_HZ,
        "duration": 100_000,
    }
    env = gymnasium.make("highway-v0", config=config)
    env.reset(seed=0)
    idle = 1

    def step() -> None:
        *_, over, cut, _ = env.step(idle)
        if over or cut:
            env.reset()

    spent_ms = cpu_ms(step, steps)
    count = len(env.unwrapped.road.vehicles)
    print(f"highway-env: {count} vehicles, {spent_ms:.2f} ms CPU a step, {1e3 / spent_ms:.0f} steps a CPU second")


def duckietown(pictures: int, sizes: tuple[tuple[int, int], ...]) -> None:
    """A camera on a small robot in a model town; its pictures are made in its step."""
    simulator = importlib.import_module("gym_duckietown.simulator")
    logging.disable(logging.WARNING)
    for width, height in sizes:
        env = simulator.Simulator(
            map_name="loop_dyn_duckiebots",
            camera_width=width,
            camera_height=height,
            domain_rand=False,
            max_steps=10**6,
            frame_rate=STEP_HZ,
            seed=1,
        )
        env.reset()

        def step(env: Any = env, pixels: int = width * height) -> None:
            picture, _, over, _ = env.step([0.1, 0.1])
            assert picture.shape[0] * picture.shape[1] == pixels
            if over:
                env.reset()

        spent_ms = cpu_ms(step, pictures)
        gl = importlib.import_module("pyglet.gl")
        drawn_by, things = gl.gl_info.get_renderer(), len(env.objects)
        print(
            f"gym-duckietown: {width}x{height}, {things} things in its town, {spent_ms:.1f} ms CPU a step, "
            f"{1e3 / spent_ms:.0f} pictures a CPU second, drawn by {drawn_by}"
        )
        env.close()


def main() -> None:
    """Drive and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--vehicles", type=int, default=20)
    options = parser.parse_args()
    if importlib.util.find_spec("highway_env"):
        highway(options.steps, options.vehicles)
    else:
        print("highway-env: not installed (see --help)")
    if importlib.util.find_spec("gym_duckietown"):
        duckietown(options.pictures, ((224, 112), (640, 360)))
    else:
        print("gym-duckietown: not installed (see --help)")


if __name__ == "__main__":
    main()
