"""A server without rendering on a machine without OpenGL, OpenCV and Qt: it drives, and its rays measure."""

from __future__ import annotations

import os
import subprocess
import sys

import carla
import pytest

from tests.sim.server.server_process import (
    ROOT,
    Listening,
    ahead_of,
    client_of,
    ready_port,
    serving,
    spawn_car,
    synchronous_world,
)

GRAPHICS = ("moderngl", "glcontext", "cv2", "PyQt6")


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """An environment in which the graphics libraries cannot be imported."""
    folder = tmp_path_factory.mktemp("no_graphics")
    for name in GRAPHICS:
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError('no {name} here')\n")
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def run(code, env=None):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", GRAPHICS)
def test_the_environment_has_no_graphics_library(env, name):
    assert f"no {name} here" in run(f"import {name}", env).stderr


@pytest.mark.parametrize("module", ["sim.world.world", "sim.simulator", "sim.server", "sim.__main__"])
def test_what_runs_the_world_loads_no_graphics_library(module):
    done = run(f"import sys, {module}; print(*(set({GRAPHICS}) & set(sys.modules)))")
    assert (done.stderr, done.stdout.strip()) == ("", "")


def test_the_command_starts_such_a_server(env):
    command = [sys.executable, "-m", "app.cli.main", "sim", "--no-rendering", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env)
    try:
        assert client_of(ready_port(process)).get_server_version() == "0.9.16"
    finally:
        process.kill()
        process.communicate()


def test_a_car_drives_and_rays_meet_what_is_around_it(env):
    with serving(env=env) as port:
        world = synchronous_world(client_of(port))
        library, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[0]
        car, other = spawn_car(world, place), spawn_car(world, ahead_of(place, 12.0))
        roof, bumper = carla.Transform(carla.Location(z=2.5)), carla.Transform(carla.Location(x=2.6, z=0.7))
        lidar = Listening(world.spawn_actor(library.find("sensor.lidar.ray_cast_semantic"), roof, attach_to=car))
        blueprint = library.find("sensor.other.obstacle")
        blueprint.set_attribute("distance", "20.0")
        blueprint.set_attribute("only_dynamics", "true")
        obstacle = Listening(world.spawn_actor(blueprint, bumper, attach_to=car))
        car.apply_control(carla.VehicleControl(throttle=0.5))
        frames = [world.tick() for _ in range(20)]
        scans = [lidar.next() for _ in frames]
        assert [scan.frame for scan in scans] == frames
        tags = {hit.object_tag for scan in scans for hit in scan}
        assert {carla.CityObjectLabel.Roads, carla.CityObjectLabel.Car} <= {carla.CityObjectLabel(tag) for tag in tags}
        assert obstacle.next().other_actor.id == other.id
        assert car.get_velocity().length() > 1.0
        assert car.get_location().distance(place.location) > 0.3
        ground = world.ground_projection(ahead_of(place, 20.0).location, 10.0)
        assert ground.label == carla.CityObjectLabel.Roads
