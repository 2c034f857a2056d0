"""Bones, sockets and components as clients get them."""

import math

import pytest

from tests.sim.calls.socketless import AHEAD, SocketlessServer


@pytest.fixture
def server():
    made = SocketlessServer()
    made.value("set_episode_settings", [True, True, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True])
    return made


def spawned(server, type_id, x=50.0, turn=AHEAD):
    return server.value("spawn_actor", [1, type_id, []], [[x, 1.75, 0.2], turn])[0]


def test_a_walkers_skeleton_stands_on_its_feet_and_looks_where_the_walker_looks(server):
    walker = spawned(server, "walker.pedestrian.0001", turn=[0.0, 90.0, 0.0])
    ((bones,),) = [server.value("get_bones_transform", walker)]
    world = {name: place for name, (place, _), _, _ in bones}
    middle = server.simulator.world.actors[walker]
    assert world["crl_root"] == pytest.approx([50.0, 1.75, middle.pose.z - middle.extent_m[2]])
    # It looks along y: its left is at greater x (CARLA's frame is left-handed), its toes are ahead of its ankles.
    assert world["crl_foot__L"][0] > world["crl_foot__R"][0] + 0.1
    assert world["crl_toe__L"][1] > world["crl_foot__L"][1] + 0.05
    assert server.value("get_actor_bone_names", walker) == [name for name, *_ in bones]
    transforms = server.value("get_actor_bone_world_transforms", walker)
    assert [place for place, _ in transforms] == list(world.values())


def test_bones_that_cannot_be_moved_say_so(server):
    walker = spawned(server, "walker.pedestrian.0001")
    assert "set_bones_transform" in server.error("set_bones_transform", walker, [[]])
    assert "blend_pose" in server.error("blend_pose", walker, 1.0)
    server.value("blend_pose", walker, 0.0)


def test_a_vehicles_wheels_are_bones_and_turn_with_the_steering(server):
    car = spawned(server, "vehicle.tesla.model3")
    assert server.value("get_actor_bone_names", car)[1] == "Wheel_Front_Left"
    assert server.value("get_actor_socket_names", car) == server.value("get_actor_bone_names", car)
    server.value("apply_control_to_vehicle", car, [0.0, 0.5, 0.0, False, False, False, 0])
    for _ in range(20):
        server.value("tick_cue")
    ((x, y, z), (_, yaw, _)) = server.value("get_vehicle_bone_world_transforms", car)[0]
    vehicle = server.simulator.world.vehicle(car)
    assert (x, y, z) == pytest.approx(
        (50.0 + vehicle.spec.wheelbase_m / 2, 1.75 - vehicle.spec.track_m / 2, vehicle.spec.wheel_radius_m), abs=0.05
    )
    angle = math.degrees(float(server.simulator.world.vehicles.steer_angle_rad[0]))
    assert yaw == pytest.approx(angle, abs=0.1)
    assert angle > 5.0


def test_components_are_found_by_name_and_an_unknown_one_is_refused_with_those_there_are(server):
    car = spawned(server, "vehicle.tesla.model3", turn=[0.0, 180.0, 0.0])
    names = server.value("get_actor_component_names", car)
    assert "front-blinker-r-1" in names
    ((x, y, _), _) = server.value("get_actor_component_world_transform", car, "front-blinker-r-1")
    assert x < 48.5  # the car looks back along x
    assert y < 1.0  # and its right is at smaller y
    relative = server.value("get_actor_component_relative_transform", car, "front-blinker-r-1")[0]
    assert relative[0] > 1.5
    assert "front-blinker-l-1" in server.error("get_actor_component_world_transform", car, "nose")
