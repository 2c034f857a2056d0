"""Collision sensors of the unmodified client: every vehicle feels what it hits, once a tick, by CARLA's name."""

import math

import carla
import pytest

from tests.sim.server.server_process import STEP_S, client_of, serving, spawn_car


@pytest.fixture(scope="module")
def client():
    with serving() as port:
        yield client_of(port)


@pytest.fixture
def world(client):
    world = client.load_world("Millbrook")
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    return world


class Felt(list):
    """The collisions of one vehicle, as (frame, other actor's id, its type, impulse)."""

    def __init__(self, world: carla.World, vehicle: carla.Vehicle) -> None:
        blueprint = world.get_blueprint_library().find("sensor.other.collision")
        self.sensor = world.spawn_actor(blueprint, carla.Transform(), attach_to=vehicle)
        self.sensor.listen(self._note)

    def _note(self, event: carla.CollisionEvent) -> None:
        self.append((event.frame, event.other_actor.id, event.other_actor.type_id, event.normal_impulse.length()))


def before_the_front(house: carla.EnvironmentObject, gap_m: float) -> carla.Transform:
    """A place on one of the sides of a house, looking at it."""
    box, turn = house.bounding_box, house.bounding_box.rotation.yaw
    yaw = math.radians(turn)
    away = box.extent.x + gap_m
    where = box.location - carla.Location(away * math.cos(yaw), away * math.sin(yaw), box.location.z - 0.2)
    return carla.Transform(where, carla.Rotation(yaw=turn))


def test_every_model_feels_the_house_that_it_is_driven_into(world):
    """As CARLA's test_collision_sensor.py, with a house before each model that is there."""
    houses = world.get_environment_objects(carla.CityObjectLabel.Buildings)
    models = [blueprint.id for blueprint in world.get_blueprint_library().filter("vehicle.*")]
    felt: dict[str, Felt] = {}
    cars: list[carla.Vehicle] = []
    for house in houses:
        if len(felt) == len(models):
            break
        blueprint = world.get_blueprint_library().find(models[len(felt)])
        car = world.try_spawn_actor(blueprint, before_the_front(house, 7.0))
        if car is not None:
            felt[blueprint.id] = Felt(world, car)
            cars.append(car)
    assert len(felt) == len(models) > 35
    world.tick()
    for car in cars:
        car.set_target_velocity(10.0 * car.get_transform().get_forward_vector())
    for _ in range(60):
        world.tick()
    assert {model for model, events in felt.items() if not events} == set()
    assert all(other == 0 and kind.startswith("static.") for events in felt.values() for _, other, kind, _ in events)
    buildings = [model for model, events in felt.items() if any(kind == "static.building" for _, _, kind, _ in events)]
    assert len(buildings) > 0.8 * len(models)


def test_pushing_against_a_car_is_felt_once_in_every_tick_on_both_sides(world):
    place = world.get_map().get_spawn_points()[0]
    ahead = carla.Transform(place.location + 6.0 * place.get_forward_vector(), place.rotation)
    car, other = spawn_car(world, place), spawn_car(world, ahead, "vehicle.audi.tt")
    felt, theirs = Felt(world, car), Felt(world, other)
    other.apply_control(carla.VehicleControl(brake=1.0, hand_brake=True))
    car.apply_control(carla.VehicleControl(throttle=0.5))
    frames = [world.tick() for _ in range(80)]
    assert {(other_id, kind) for _, other_id, kind, _ in felt} == {(other.id, "vehicle.audi.tt")}
    assert {(other_id, kind) for _, other_id, kind, _ in theirs} == {(car.id, "vehicle.tesla.model3")}
    for events in (felt, theirs):
        seen = [frame for frame, *_ in events]
        assert len(seen) == len(set(seen))
        assert set(frames[-30:-10]) <= set(seen)  # the last ones may still be under way


def test_a_long_tick_in_parts_is_one_event(world):
    settings = world.get_settings()
    settings.fixed_delta_seconds = 0.4
    world.apply_settings(settings)
    place = world.get_map().get_spawn_points()[0]
    ahead = carla.Transform(place.location + 6.0 * place.get_forward_vector(), place.rotation)
    car, other = spawn_car(world, place), spawn_car(world, ahead, "vehicle.audi.tt")
    felt = Felt(world, car)
    other.apply_control(carla.VehicleControl(brake=1.0, hand_brake=True))
    car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(10):
        world.tick()
    seen = [frame for frame, *_ in felt]
    assert len(seen) > 3
    assert len(seen) == len(set(seen))
