"""A town is solid: houses, poles and signs stop cars, walkers and props, and leave the roads to those who drive."""

import math
from importlib import resources

import numpy as np
import pytest

from sim.map.network import read_network
from sim.scene.bodies import StaticBody, rectangle
from sim.scene.labels import Tag
from sim.scene.poses import Pose
from sim.world.blueprints import BLUEPRINTS
from sim.world.errors import WorldError
from sim.world.world import World

TOWNS = ("Ashford", "Highfield", "Kingsway", "Millbrook")
CAR, WALKER, BOX = ([0, name, []] for name in ("vehicle.tesla.model3", "walker.pedestrian.0001", "static.prop.box01"))
LONGEST = max((b for b in BLUEPRINTS.values() if b.spec is not None), key=lambda b: b.extent_m[0])


def world_of(town: str) -> World:
    text = (resources.files("assets") / "maps" / f"{town.lower()}.xodr").read_text()
    return World(read_network(town, text), 0)


@pytest.fixture
def world() -> World:
    return world_of("Millbrook")


def in_front_of(body: StaticBody, metres: float) -> Pose:
    """A place before the middle of a body's longest side, looking at it."""
    outline = body.footprint
    side = np.roll(outline, -1, axis=0) - outline
    k = int(np.argmax(np.linalg.norm(side, axis=1)))
    outward = np.array([side[k, 1], -side[k, 0]]) / np.linalg.norm(side[k])
    x, y = outline[k] + side[k] / 2.0 + metres * outward
    return Pose(float(x), float(y), 0.0, yaw=math.atan2(-outward[1], -outward[0]))


def bodies(world: World, tag: Tag) -> list[StaticBody]:
    return [body for body in world.statics.bodies if body.tag == tag]


def test_a_house_stops_a_car(world):
    """The car drove through at 15 m/s and felt nothing."""
    house = bodies(world, Tag.BUILDINGS)[0]
    car = world.spawn(CAR, in_front_of(house, 9.0), anywhere=True).actor_id
    pose = world.actors[car].pose
    world.set_velocity(car, (15.0 * math.cos(pose.yaw), 15.0 * math.sin(pose.yaw), 0.0))
    seen = []
    for _ in range(40):
        world.step(0.05)
        seen += [(contact.a, contact.b, contact.static) for contact in world.contacts]
    assert (car, 0, house) in seen
    assert world.vehicle(car).velocity_mps[0] == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("town", ["Millbrook", "Ashford"])
def test_the_posts_of_lights_and_signs_are_their_actors(town):
    world = world_of(town)
    ids = dict(zip(world.statics.bodies, world.statics.actor_ids, strict=True))
    posts = [body for body in world.statics.bodies if body.signal_id]
    assert len(posts) > 20
    for body in posts:
        actor = world.actors[ids[body]]
        assert actor.type_id.startswith("traffic.")
    near = [b for b in posts if b.tag == Tag.TRAFFIC_LIGHT]
    own = [math.dist(b.footprint.mean(axis=0), world.actors[ids[b]].pose[:2]) < 0.01 for b in near]
    assert sum(own) >= len(world.light_ids) - 2


def test_a_walker_slides_along_a_house_and_one_led_by_a_client_passes_a_post(world):
    house = bodies(world, Tag.BUILDINGS)[0]
    walker = world.spawn(WALKER, in_front_of(house, 0.6))
    yaw = walker.pose.yaw
    walker.direction, walker.speed_mps = (math.cos(yaw + 0.6), math.sin(yaw + 0.6), 0.0), 1.5
    start = walker.pose
    for _ in range(40):
        world.step(0.05)
    gone = np.array([walker.pose.x - start.x, walker.pose.y - start.y])
    assert gone @ [math.cos(yaw), math.sin(yaw)] < 0.6 - 0.17
    assert gone @ [-math.sin(yaw), math.cos(yaw)] > 1.2
    pole = bodies(world, Tag.POLES)[0]
    x, y = pole.footprint.mean(axis=0).tolist()
    for is_led, passes in ((True, True), (False, False)):
        walker.is_led = is_led
        world.set_pose(walker.actor_id, Pose(x - 1.0, y, walker.extent_m[2]))
        walker.direction = (1.0, 0.0, 0.0)
        for _ in range(40):
            world.step(0.05)
        assert (walker.pose.x > x + 1.0) is passes


def test_a_box_that_was_hit_comes_to_rest_at_the_wall(world):
    house = bodies(world, Tag.BUILDINGS)[0]
    box = world.spawn(BOX, in_front_of(house, 2.0))
    yaw = box.pose.yaw
    world.set_velocity(box.actor_id, (12.0 * math.cos(yaw), 12.0 * math.sin(yaw), 0.0))
    for _ in range(60):
        world.step(0.05)
    inside = world.statics.in_the_way(rectangle(box.pose.x, box.pose.y, yaw, 0.05, 0.05), 0.0, 1.0)
    assert inside == []


def test_cars_and_walkers_do_not_spawn_in_what_stands_there_and_props_do(world):
    house, pole = bodies(world, Tag.BUILDINGS)[0], bodies(world, Tag.POLES)[0]
    for body in (house, pole):
        for description in (CAR, WALKER):
            with pytest.raises(WorldError, match="collision at spawn position"):
                world.spawn(description, Pose(*body.footprint.mean(axis=0).tolist(), 0.0))
    world.spawn(BOX, Pose(*pole.footprint.mean(axis=0).tolist(), 0.0))


@pytest.mark.parametrize("town", TOWNS)
def test_the_longest_vehicle_finds_every_spawn_point_free_of_what_stands_there(town):
    world = world_of(town)
    for pose in world.spawn_points:
        outline = rectangle(pose.x, pose.y, pose.yaw, *LONGEST.extent_m[:2])
        assert world.statics.in_the_way(outline, pose.z, pose.z + 4.0) == []
