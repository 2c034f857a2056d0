"""Contacts with what stands in a town: hit at any speed and angle, slid along, and only where heights overlap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, Polygon, box

from sim.scene.bodies import StaticBody, rectangle, ring
from sim.scene.labels import Tag
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import step_vehicles
from sim.world.collisions import Contact, Obstacles, joined, resolve
from sim.world.contacts.statics import Statics, statics_of

SPEC = VehicleSpec()
FRONT_M, SIDE_M = SPEC.length_m / 2, SPEC.width_m / 2
THINGS = {
    "house": StaticBody(rectangle(50.0, 0.0, 0.0, 5.0, 10.0), -0.6, 9.0, Tag.BUILDINGS),
    "trunk": StaticBody(ring(45.25, 0.0, 0.25), -0.3, 3.0, Tag.VEGETATION),
    "rail": StaticBody(rectangle(45.02, 0.0, math.pi / 2, 100.0, 0.02), 0.42, 0.74, Tag.GUARD_RAIL),
    "wall": StaticBody(rectangle(45.15, 0.0, math.pi / 2, 100.0, 0.15), -0.3, 1.0, Tag.WALLS),
}


def cars(*poses) -> Vehicles:
    """Cars 1, 2, ... at (x, y, yaw, speed)."""
    found = Vehicles()
    for k, (x, y, yaw, _) in enumerate(poses):
        found.add(k + 1, SPEC, x, y, 0.0, yaw)
        found.set_world_velocity(k + 1, poses[k][3] * math.cos(yaw), poses[k][3] * math.sin(yaw))
    return found


def thing(x: float, vx: float, height_m: float, meets: bool = True) -> Obstacles:
    """A box of 60 cm and 30 kg, actor 7, that moves along x."""
    columns = (x, 0.0, 0.0, 0.3, 0.3, 30.0, vx, 0.0, 0.0, height_m)
    return Obstacles(np.array([7]), *(np.array([v]) for v in columns), meets_statics=np.array([meets]))


def drive(found: Vehicles, statics: Statics, seconds: float, dt_s: float = 0.05, obstacles=None) -> list[list[Contact]]:
    obstacles = Obstacles.none() if obstacles is None else obstacles
    ticks = []
    for _ in range(round(seconds / dt_s)):
        step_vehicles(found, dt_s)
        ticks.append(resolve(found, obstacles, dt_s, statics))
    return ticks


def outline(found: Vehicles, k: int = 0) -> Polygon:
    flat = box(-FRONT_M, -SIDE_M, FRONT_M, SIDE_M)
    turned = affinity.rotate(flat, float(found.yaw[k]), (0, 0), use_radians=True)
    return affinity.translate(turned, float(found.x[k]), float(found.y[k]))


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("speed_mps", [5.0, 15.0, 30.0])
@pytest.mark.parametrize("angle_deg", [0.0, 30.0, 60.0])
@pytest.mark.parametrize("dt_s", [0.05, 0.1])
def test_things_are_hit_at_every_speed_and_angle_and_nothing_passes_through(thing, speed_mps, angle_deg, dt_s):
    statics, solid = statics_of([THINGS[thing]]), Polygon(THINGS[thing].footprint)
    yaw = math.radians(angle_deg)
    found = cars((45.0 - 8.0 * math.cos(yaw), -8.0 * math.sin(yaw), yaw, speed_mps))
    way, hits = [(float(found.x[0]), float(found.y[0]))], []
    for _ in range(round(3.0 / dt_s)):
        hits += [c for contacts in drive(found, statics, dt_s, dt_s) for c in contacts]
        way.append((float(found.x[0]), float(found.y[0])))
        assert outline(found).intersection(solid).area < 0.02
    assert hits
    assert (hits[0].a, hits[0].b, hits[0].static) == (1, 0, THINGS[thing])
    # What the car gets in the first blow is what the speed into the surface is worth, and points away from it.
    into = SPEC.mass_kg * speed_mps * (math.cos(yaw) if thing in ("rail", "wall", "house") else 1.0)
    blow = float(np.linalg.norm(hits[0].impulse_world))
    assert 0.25 * into < blow < 1.35 * into
    assert hits[0].impulse_world[0] < 0.0
    # The car's middle never got to the other side (a trunk may be passed to its left or right).
    assert thing == "trunk" or not LineString(way).crosses(solid)


@pytest.mark.parametrize("gap_m", np.linspace(-0.004, 0.06, 9).tolist())
def test_a_pole_that_nearly_touches_the_front_is_hit_with_all_the_speed(gap_m):
    """From the edge of touching, a tick takes the pole deep into the car: it is not pushed out at its side."""
    pole = StaticBody(ring(SPEC.length_m / 2 + 0.1 + gap_m, 0.0, 0.1, 8), -0.3, 3.0, Tag.POLES)
    found = cars((0.0, 0.0, 0.0, 30.0))
    ticks = drive(found, statics_of([pole]), 0.1)
    assert ticks[0][0].impulse_world[0] < -0.9 * SPEC.mass_kg * 30.0
    assert found.x[0] < 0.1


def test_a_car_that_glances_off_a_long_rail_slides_along_it_and_keeps_most_of_its_speed():
    """The rail is made of pieces of 8 m in a row: their ends stop nobody."""
    pieces = [StaticBody(rectangle(x, 3.0, 0.0, 4.0, 0.02), 0.42, 0.74, Tag.GUARD_RAIL) for x in range(4, 400, 8)]
    for angle_deg in (3.0, 8.0, 15.0):
        found = cars((10.0, 0.0, math.radians(angle_deg), 20.0))
        ticks = drive(found, statics_of(pieces), 4.0)
        assert any(ticks)
        assert found.y[0] < 3.0 - 0.9 * SIDE_M
        lost = 20.0 * (1.0 - math.cos(math.radians(angle_deg))) + 1.5 * 0.4 * 20.0 * math.sin(math.radians(angle_deg))
        assert found.vx_body[0] > 20.0 - lost - 3.5
        sharpest = max(abs(float(c.impulse_world[0])) for contacts in ticks for c in contacts)
        assert sharpest < 0.3 * SPEC.mass_kg * 20.0


def test_a_rail_in_a_bend_leads_a_car_round():
    """Pieces of 3 m on a circle of 40 m: a car that never steers is kept inside."""
    angle = np.arange(0.0, math.pi / 2, 3.0 / 40.0)
    middles = [(40.0 * math.sin(a), 40.0 - 40.0 * math.cos(a)) for a in angle]
    pieces = [
        StaticBody(rectangle(x, y, float(a), 1.55, 0.02), 0.42, 0.74, Tag.GUARD_RAIL)
        for (x, y), a in zip(middles, angle, strict=True)
    ]
    found = cars((0.0, SIDE_M + 0.1, 0.0, 12.0))
    drive(found, statics_of(pieces), 3.0)
    assert math.hypot(found.x[0], found.y[0] - 40.0) < 40.0 - 0.8 * SIDE_M
    assert found.x[0] > 15.0
    assert found.speed()[0] > 3.0


def test_a_car_that_pushes_against_a_wall_touches_it_in_every_tick():
    found = cars((45.0 - FRONT_M - 0.5, 0.0, 0.0, 0.0))
    found.throttle[:] = 0.3
    ticks = drive(found, statics_of([THINGS["wall"]]), 4.0)
    assert all(len(contacts) == 1 for contacts in ticks[-40:])
    assert abs(found.x[0] - (45.0 - FRONT_M)) < 0.02


def test_a_car_put_into_a_house_is_pushed_out_gently():
    found = cars((46.5, 0.0, 0.0, 0.0))
    solid = Polygon(THINGS["house"].footprint)
    x = [float(found.x[0])]
    for _ in range(60):
        drive(found, statics_of([THINGS["house"]]), 0.05)
        x.append(float(found.x[0]))
    assert outline(found).intersection(solid).area < 0.02
    assert np.abs(np.diff(x)).max() < 0.45
    assert found.speed()[0] < 0.5


@pytest.mark.parametrize(("height_m", "is_hit"), [(0.0, True), (1.0, True), (1.6, False), (6.0, False), (-6.0, False)])
def test_only_what_is_at_the_same_height_is_hit(height_m, is_hit):
    wall = THINGS["wall"]
    raised = StaticBody(wall.footprint, wall.low_m + height_m, wall.high_m + height_m, wall.tag)
    found = cars((40.0, 0.0, 0.0, 10.0))
    assert any(drive(found, statics_of([raised]), 1.0)) is (is_hit if height_m != 1.6 else SPEC.height_m > 1.3)


def test_a_rail_is_below_a_bridge_deck_and_above_who_lies_on_the_road():
    rail = THINGS["rail"]
    flat, tall = (thing(44.0, 5.0, height_m) for height_m in (0.3, 0.9))
    for obstacle, is_hit in ((flat, False), (tall, True)):
        hits = []
        for _ in range(10):
            obstacle.x += obstacle.vx * 0.05
            hits += resolve(Vehicles(), obstacle, 0.05, statics_of([rail]))
        assert bool(hits) is is_hit
        assert not is_hit or (hits[0].a, hits[0].static) == (7, rail)
    assert flat.x[0] > 46.0
    assert tall.x[0] < 45.0


def test_who_rests_or_is_led_is_not_moved_by_what_stands_there():
    for meets in (False, True):
        walker = thing(45.2, 0.0, 1.8, meets)
        resolve(Vehicles(), walker, 0.05, statics_of([THINGS["trunk"]]))
        assert (walker.x[0] == 45.2) is not meets


def test_a_lights_post_is_the_lights_actor():
    post = StaticBody(ring(45.1, 0.0, 0.1, 8), -0.3, 2.0, Tag.TRAFFIC_LIGHT, "id7")
    found = cars((40.0, 0.0, 0.0, 10.0))
    hits = [c for contacts in drive(found, statics_of([post], {"id7": 31}), 1.0) for c in contacts]
    assert {(c.a, c.b, c.static) for c in hits} == {(1, 31, post)}


def test_parts_of_one_tick_count_as_one_contact():
    post, other = THINGS["wall"], THINGS["rail"]

    def touch(static, impulse):
        return Contact(1, 0, np.array([impulse, 0.0, 0.0]), np.zeros(3), static)

    both = joined([touch(post, 5.0), touch(other, 1.0)], [touch(post, 2.0)])
    assert [(c.static, c.impulse_world[0]) for c in both] == [(post, 7.0), (other, 1.0)]


NUMBER = st.floats(-30.0, 30.0)


@settings(max_examples=150)
@given(st.lists(st.tuples(NUMBER, NUMBER, st.floats(0.0, 3.0), st.floats(0.2, 12.0)), max_size=20), NUMBER, NUMBER)
def test_the_grid_finds_every_static_that_a_car_stands_in(places, x, y):
    bodies = [StaticBody(rectangle(a, b, turn, size, 0.3), 0.0, 2.0, Tag.WALLS) for a, b, turn, size in places]
    found = cars((x, y, 0.4, 0.0))
    car = outline(found)
    deep = [b for b in bodies if car.buffer(-0.02).intersects(Polygon(b.footprint).buffer(-0.02))]
    contacts = resolve(found, Obstacles.none(), 0.05, statics_of(bodies))
    met = [c.static for c in contacts]
    assert len(met) == len({id(m) for m in met})
    if len(deep) == 1:  # what pushes the car off one body may push it into another, or off it
        assert any(m is deep[0] for m in met)
    if not any(car.buffer(0.02).intersects(Polygon(b.footprint)) for b in bodies):
        assert met == []


def test_the_same_drive_gives_the_same_bits():
    def run() -> bytes:
        rng = np.random.default_rng(3)
        bodies = [
            StaticBody(ring(*rng.uniform(-40.0, 40.0, 2).tolist(), float(rng.uniform(0.1, 2.0))), 0.0, 3.0, Tag.POLES)
            for _ in range(60)
        ]
        found = cars(*((*rng.uniform(-40.0, 40.0, 2).tolist(), float(rng.uniform(-3.0, 3.0)), 15.0) for _ in range(30)))
        drive(found, statics_of(bodies), 3.0)
        return found.rows.tobytes()

    assert run() == run()
