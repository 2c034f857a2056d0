"""Every shipped town's file, seen through the unmodified CARLA library: what drivers, traffic and routes rely on."""

import math
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from importlib import resources
from pathlib import Path

import carla
import numpy as np
import pytest

from sim.map.network import read_network
from sim.world.world import World

FOLDER = Path(str(resources.files("assets"))) / "maps"
TOWNS = sorted(path.stem for path in FOLDER.glob("*.xodr"))


@pytest.fixture(scope="module", params=TOWNS)
def town(request):
    return carla.Map(request.param, (FOLDER / f"{request.param}.xodr").read_text())


def driving(town, step):
    return [w for w in town.generate_waypoints(step) if w.lane_type == carla.LaneType.Driving]


def tree_of(town):
    return ET.fromstring(town.to_opendrive())  # noqa: S314


def test_every_shipped_town_is_listed():
    assert {"millbrook", "ashford", "highfield", "kingsway"} <= set(TOWNS)


def test_the_scripts_write_the_committed_files_again_byte_for_byte(tmp_path):
    for script in FOLDER.glob("*.py"):
        shutil.copy(script, tmp_path)
    for name in TOWNS:
        subprocess.run([sys.executable, str(tmp_path / f"build_{name}.py")], check=True, timeout=120)
        assert (tmp_path / f"{name}.xodr").read_bytes() == (FOLDER / f"{name}.xodr").read_bytes(), name


def test_the_lane_graph_is_one_circuit_from_anywhere_to_everywhere(town):
    onward, back = defaultdict(set), defaultdict(set)
    for a, b in town.get_topology():
        key_a, key_b = (a.road_id, a.section_id, a.lane_id), (b.road_id, b.section_id, b.lane_id)
        onward[key_a].add(key_b)
        back[key_b].add(key_a)
    for w in driving(town, 10.0):
        sides = {carla.LaneChange.Left: w.get_left_lane(), carla.LaneChange.Right: w.get_right_lane()}
        for allowed, beside in sides.items():
            same_way = beside is not None and beside.lane_id * w.lane_id > 0
            if w.lane_change & allowed and same_way and beside.lane_type == carla.LaneType.Driving:
                here, there = (w.road_id, w.section_id, w.lane_id), (beside.road_id, beside.section_id, beside.lane_id)
                onward[here].add(there)
                back[there].add(here)
    for graph in (onward, back):
        seen, todo = set(), [min(onward)]
        while todo:
            fresh = graph[todo.pop()] - seen
            seen |= fresh
            todo += fresh
        assert seen == set(onward) | set(back)


def test_lanes_lead_on_without_a_gap_a_step_or_a_kink(town):
    for w in driving(town, 2.0):
        onward = w.next(2.0)
        assert onward, w
        for there in onward:
            apart = w.transform.location.distance(there.transform.location)
            bend = (there.transform.rotation.yaw - w.transform.rotation.yaw + 180.0) % 360.0 - 180.0
            assert apart == pytest.approx(2.0, abs=0.6), (w, there)
            assert abs(math.radians(bend)) < apart / 7.0, (w, there)
            assert abs(there.transform.location.z - w.transform.location.z) < 0.1 * 2.0 + 0.02


def test_a_point_beside_a_lane_finds_its_waypoint(town):
    for w in driving(town, 40.0):
        place = w.transform.location + carla.Location(z=1.5)
        found = town.get_waypoint(place)
        assert found.transform.location.distance(w.transform.location) < 0.5


def along(pose, metres):
    return carla.Location(pose.x + metres * math.cos(pose.yaw), pose.y + metres * math.sin(pose.yaw), pose.z)


def aside(transform, place):
    right, way = transform.get_right_vector(), place - transform.location
    return way.x * right.x + way.y * right.y


def test_spawn_points_lie_on_driving_lanes_outside_junctions_apart_and_all_over_town(town):
    poses = World(read_network("town", town.to_opendrive()), 0).spawn_points
    assert len(poses) >= 100
    for pose in poses:
        # A lane's first or last point lies on a junction's border: it counts where its own lane goes on.
        near = [town.get_waypoint(along(pose, d)) for d in (0.5, -0.5)]
        w = next(w for w in near if not w.is_junction)
        assert w.lane_type == carla.LaneType.Driving
        assert abs(aside(w.transform, along(pose, 0.0))) < 0.1
        # Along a lane the library interpolates between places some metres apart: in a bend it is off by decimetres.
        assert abs(w.transform.location.distance_2d(along(pose, 0.0)) - 0.5) < 0.5
        assert 0.0 < pose.z - w.transform.location.z < 1.0
        assert math.cos(math.radians(w.transform.rotation.yaw) - pose.yaw) > 0.99
    at = np.array([(pose.x, pose.y) for pose in poses])
    between = np.hypot(*(at[:, None] - at).transpose(2, 0, 1)) + 1e3 * np.eye(len(at))
    assert between.min() > 2.0
    assert np.ptp(at, axis=0).min() > 300.0


def test_signs_and_lights_stand_beside_the_lanes_they_are_for_and_face_their_drivers(town):
    marks = [m for kind in ("1000001", "205", "206", "274") for m in town.get_all_landmarks_of_type(kind)]
    assert marks
    for m in marks:
        for first, last in m.get_lane_validities():
            assert first * last > 0
            for lane in range(min(first, last), max(first, last) + 1):
                w = town.get_waypoint_xodr(m.road_id, lane, m.s)
                assert w.lane_type == carla.LaneType.Driving
                assert math.cos(math.radians(m.transform.rotation.yaw - w.transform.rotation.yaw)) > 0.99
                assert m.transform.location.distance(w.transform.location) < 16.0
        if m.type == "274":
            assert 20 <= m.value <= 130
            assert m.unit == "km/h"
        else:
            assert w.next(8.0)[0].is_junction, m.id


def test_approaching_drivers_find_the_sign_before_them(town):
    found = 0
    for m in town.get_all_landmarks_of_type("206") + town.get_all_landmarks_of_type("205"):
        ((lane, _), *_) = m.get_lane_validities()
        behind = town.get_waypoint_xodr(m.road_id, lane, m.s).previous(12.0)
        for w in behind:
            found += m.id in {seen.id for seen in w.get_landmarks_of_type(30.0, m.type)}
    assert found >= len(town.get_all_landmarks_of_type("206"))


def test_crosswalks_are_closed_outlines_on_the_road(town):
    corners = town.get_crosswalks()
    assert corners
    assert len(corners) % 5 == 0
    for k in range(0, len(corners), 5):
        first, last = corners[k], corners[k + 4]
        assert first.distance(last) < 1e-3
        middle = (corners[k] + corners[k + 2]) * 0.5
        assert town.get_waypoint(middle, lane_type=carla.LaneType.Any).transform.location.distance(middle) < 12.0


def test_every_light_has_one_controller_and_every_controller_a_junction(town):
    root = tree_of(town)
    lit = {c.get("signalId") for group in root.findall("controller") for c in group}
    assert lit == {m.id for m in town.get_all_landmarks_of_type("1000001")}
    groups = [c.get("id") for j in root.iter("junction") for c in j.iter("controller")]
    assert sorted(groups) == sorted(group.get("id") for group in root.findall("controller"))


def features(root):
    """What a town has, read from its file."""
    found = set()
    for road in root.iter("road"):
        inside = road.get("junction") != "-1"
        for section in road.iter("laneSection"):
            sides = [
                sum(lane.get("type") == "driving" for lane in section.findall(f"{side}/lane"))
                for side in ("left", "right")
            ]
            if not inside and min(sides):
                found.add(f"{sum(sides)}-lane road")
            if any(lane.get("type") == "parking" for lane in section.iter("lane")):
                found.add("parking lanes")
        if road.find("type").get("type") in ("motorway", "rural") and not inside:
            found.add(f"{road.find('type').get('type')} road")
        found |= {f"sign {s.get('type')}" for s in road.iter("signal")}
        found |= {"crosswalk" for o in road.iter("object") if o.get("type") == "crosswalk"}
        if any(abs(float(e.get("a"))) > 3.0 for e in road.iter("elevation")):
            found.add("hills")
        found |= {word for word in ("Ring", "Circle", "ramp") if word in road.get("name")}
    return found


def test_the_towns_together_have_what_takeovers_need():
    together = set()
    for name in TOWNS:
        together |= features(ET.fromstring((FOLDER / f"{name}.xodr").read_text()))  # noqa: S314
    assert together >= {"2-lane road", "4-lane road", "6-lane road", "parking lanes", "crosswalk", "Circle", "hills",
                        "rural road", "motorway road", "ramp", "sign 1000001", "sign 205", "sign 206",
                        "sign 274"}  # fmt: skip
