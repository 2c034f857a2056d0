"""Replayed actors are as real as others: sensors see them, traffic sees them move, and none of them is lost."""

import carla
import numpy as np
import pytest

from tests.sim.server.server_process import (
    Listening,
    ahead_of,
    client_of,
    spawn_car,
    spawn_traffic,
    synchronous_world,
)

CAR_TAG = 14


def vehicles_of(world):
    return {actor.id: actor for actor in world.get_actors().filter("vehicle.*")}


def control_of(vehicle):
    control = vehicle.get_control()
    return control.throttle, control.steer, control.brake, control.hand_brake, control.reverse, control.gear


def state_of(world):
    """Place, velocity and control of every vehicle, by id, in the present tick."""
    snapshot = world.get_snapshot()
    return {
        actor_id: (
            snapshot.find(actor_id).get_transform().location,
            snapshot.find(actor_id).get_velocity(),
            control_of(vehicle),
        )
        for actor_id, vehicle in vehicles_of(world).items()
    }


@pytest.mark.parametrize("additional_data", [True, False])
def test_a_replay_keeps_place_velocity_and_control_and_loses_no_vehicle(client, world, additional_data):
    spawn_traffic(client, world, 12)
    late = world.get_map().get_spawn_points()[3]
    for _ in range(40):  # some are fast by now
        world.tick()
    client.start_recorder("traffic.log", additional_data)
    recorded = []
    for tick in range(60):
        if tick == 20:  # one comes, one goes
            spawn_car(world, late, "vehicle.mini.cooper_s").apply_control(carla.VehicleControl(throttle=0.7))
        if tick == 40:
            next(iter(vehicles_of(world).values())).destroy()
        world.tick()
        recorded.append(state_of(world))
    client.stop_recorder()

    world = synchronous_world(client)
    client.replay_file("traffic.log", 0.0, 0.0, 0)
    name_of = {}
    for number, wanted in enumerate(recorded[1:-1], start=1):
        world.tick()
        found = state_of(world)
        assert len(found) == len(wanted), f"frame {number}"
        for recorded_id, (place, velocity, control) in wanted.items():
            nearest = min(found, key=lambda k: found[k][0].distance(place))
            assert name_of.setdefault(recorded_id, nearest) == nearest
            assert found[nearest][0].distance(place) < 0.02
            assert (found[nearest][1] - velocity).length() < (0.01 if additional_data else 0.6)
            assert found[nearest][2] == pytest.approx(control, abs=1e-6)
    assert max(velocity.length() for _, velocity, _ in recorded[-1].values()) > 5.0


def record_a_drive(client, world, place):
    """A car that drives off, recorded for 3 s; gives where it was at the end."""
    car = spawn_car(world, place)
    world.tick()
    client.start_recorder("drive.log")
    car.apply_control(carla.VehicleControl(throttle=0.6))
    for _ in range(60):
        world.tick()
    client.stop_recorder()
    return car.get_location()


def test_lidar_and_cameras_see_replayed_actors_where_they_are(client, world):
    place = world.get_map().get_spawn_points()[0]
    record_a_drive(client, world, place)
    world = synchronous_world(client)
    library = world.get_blueprint_library()
    behind = ahead_of(place, -8.0)
    behind.location.z += 2.0
    behind.rotation.pitch = -8.0
    blueprints = [library.find(f"sensor.{n}") for n in ("lidar.ray_cast_semantic", "camera.semantic_segmentation")]
    blueprints[0].set_attribute("range", "100")
    blueprints[0].set_attribute("lower_fov", "-20")
    blueprints[1].set_attribute("image_size_x", "96")
    blueprints[1].set_attribute("image_size_y", "54")
    lidar, camera = (Listening(world.spawn_actor(blueprint, behind)) for blueprint in blueprints)
    client.replay_file("drive.log", 0.0, 0.0, 0)
    sizes = []
    for tick in range(50):
        frame = world.tick()
        scan, picture = lidar.next(), camera.next()
        assert scan.frame == picture.frame == frame
        (car,) = world.get_actors().filter("vehicle.*")
        if tick % 10 == 1:
            sizes.append(_count_car(picture))
            hits = [point for point in scan if point.object_idx == car.id]
            assert len(hits) > 10
            assert {point.object_tag for point in hits} == {CAR_TAG}
            places = np.array([[p.x, p.y, p.z] for p in (_in_world(scan, point) for point in hits)])
            box = car.bounding_box
            local = [_in_car(car, p) for p in places]
            assert max(abs(p.x - box.location.x) - box.extent.x for p in local) < 0.1
            assert max(abs(p.y - box.location.y) - box.extent.y for p in local) < 0.1
    assert sizes[0] > 20
    assert sizes[0] > sizes[-1] > 0  # it drives away
    for stream in (lidar, camera):
        stream.sensor.stop()
        stream.sensor.destroy()


def _count_car(picture):
    tags = np.frombuffer(picture.raw_data, np.uint8).reshape(picture.height, picture.width, 4)[..., 2]
    return int((tags == CAR_TAG).sum())


def _in_world(scan, point):
    return scan.transform.transform(carla.Location(point.point.x, point.point.y, point.point.z))


def _in_car(car, place):
    inverse = np.array(car.get_transform().get_inverse_matrix())
    x, y, z, _ = inverse @ np.array([*place, 1.0])
    return carla.Location(x, y, z)


def test_two_clients_see_the_same_replay(client, world, port):
    record_a_drive(client, world, world.get_map().get_spawn_points()[0])
    world = synchronous_world(client)
    client.replay_file("drive.log", 0.0, 0.0, 0)
    other = client_of(port).get_world()
    for _ in range(20):
        frame = world.tick()
        while other.get_snapshot().frame < frame:
            other.wait_for_tick(10.0)
    (mine,), (theirs,) = (w.get_actors().filter("vehicle.*") for w in (world, other))
    assert mine.get_transform() == theirs.get_transform()
    assert mine.get_velocity() == theirs.get_velocity()
    assert mine.get_velocity().length() > 1.0
