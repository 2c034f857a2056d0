"""The town's file, seen through the unmodified CARLA library: what drivers, traffic and routes rely on."""

import math
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from importlib import resources

import carla
import pytest

MAP_FILE = resources.files("assets") / "maps" / "millbrook.xodr"


@pytest.fixture(scope="module")
def town():
    return carla.Map("millbrook", MAP_FILE.read_text())


@pytest.fixture(scope="module")
def tree():
    return ET.fromstring(MAP_FILE.read_text())  # noqa: S314


def driving(town, step=3.0):
    return [w for w in town.generate_waypoints(step) if w.lane_type == carla.LaneType.Driving]


def heading_change_deg(a, b):
    return (b.transform.rotation.yaw - a.transform.rotation.yaw + 180.0) % 360.0 - 180.0


def test_the_script_writes_the_committed_file_again_byte_for_byte(tmp_path):
    for script in MAP_FILE.parent.glob("*.py"):
        shutil.copy(script, tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "build_millbrook.py")], check=True, timeout=120)
    assert (tmp_path / "millbrook.xodr").read_bytes() == MAP_FILE.read_bytes()


def test_the_town_has_at_least_two_and_a_half_kilometres_of_road(tree):
    length = sum(float(road.get("length")) for road in tree.iter("road") if road.get("junction") == "-1")
    assert 2500.0 <= length <= 4000.0


def test_there_are_signalised_crossroads_and_t_junctions_of_both_kinds(tree):
    arms, lit = defaultdict(set), {}
    for road in tree.iter("road"):
        for link in road.find("link"):
            if link.get("elementType") == "junction":
                arms[link.get("elementId")].add((road.get("id"), link.tag))
    for junction in tree.iter("junction"):
        lit[junction.get("id")] = junction.find("controller") is not None
    kinds = Counter((len(ends), lit[junction]) for junction, ends in arms.items())
    assert kinds[(4, True)] >= 2
    assert kinds[(3, True)] >= 1
    assert kinds[(3, False)] >= 1


def test_every_lane_leads_on_for_a_kilometre(town):
    for waypoint in driving(town, 10.0):
        assert waypoint.next(1.0), waypoint
    waypoint = driving(town)[0]
    for _ in range(200):
        onward = waypoint.next(5.0)
        assert onward
        waypoint = onward[-1]


def test_sidewalks_run_along_every_lane_and_lead_round_the_corners(town):
    seen_in_junctions = 0
    for waypoint in driving(town, 20.0):
        if waypoint.is_junction:
            continue
        sidewalk = town.get_waypoint(waypoint.transform.location, lane_type=carla.LaneType.Sidewalk)
        assert sidewalk.transform.location.distance(waypoint.transform.location) < 8.0
        assert sidewalk.lane_width == pytest.approx(2.5)
        for _ in range(40):
            onward = sidewalk.next(10.0)
            assert onward, sidewalk
            sidewalk = onward[0]
            assert sidewalk.lane_type == carla.LaneType.Sidewalk
            seen_in_junctions += sidewalk.is_junction
    assert seen_in_junctions


def test_the_lane_graph_is_one_circuit_from_anywhere_to_everywhere(town):
    onward, back = defaultdict(set), defaultdict(set)
    for a, b in town.get_topology():
        key_a, key_b = (a.road_id, a.lane_id), (b.road_id, b.lane_id)
        onward[key_a].add(key_b)
        back[key_b].add(key_a)
    for graph in (onward, back):
        start = (4, -1)
        seen, todo = {start}, [start]
        while todo:
            fresh = graph[todo.pop()] - seen
            seen |= fresh
            todo += fresh
        assert seen == set(onward)


def test_four_way_junctions_offer_left_straight_and_right_from_every_approach(town, tree):
    for number in (200, 300):
        turns = defaultdict(set)
        for w in driving(town, 2.0):
            if w.is_junction and w.junction_id == number:
                for entry, leave in w.get_junction().get_waypoints(carla.LaneType.Driving):
                    change = heading_change_deg(entry, leave)
                    incoming = entry.previous(1.0)[0].road_id, entry.previous(1.0)[0].lane_id > 0
                    turns[incoming].add("straight" if abs(change) < 20 else "right" if change > 0 else "left")
                break
        assert len(turns) == 4
        assert all(found == {"left", "straight", "right"} for found in turns.values()), turns


def test_lane_centres_are_smooth_and_turns_comfortable(town):
    for w in driving(town, 1.0):
        for onward in w.next(1.0):
            bend = abs(math.radians(heading_change_deg(w, onward)))
            radius = math.inf if bend < 1e-9 else w.transform.location.distance(onward.transform.location) / bend
            right = heading_change_deg(w, onward) > 0
            assert radius >= (7.0 if right else 11.0), (w, radius)
            assert w.transform.location.distance(onward.transform.location) == pytest.approx(1.0, abs=0.35)


def test_lanes_of_the_avenue_may_be_changed_only_within_their_direction_and_away_from_the_stop_line(town):
    for lane, s, allowed in (
        (-1, 80.0, carla.LaneChange.Right),
        (-2, 80.0, carla.LaneChange.Left),
        (1, 80.0, carla.LaneChange.Right),
        (2, 80.0, carla.LaneChange.Left),
        (-1, 165.0, carla.LaneChange.NONE),
        (2, 10.0, carla.LaneChange.NONE),
    ):
        waypoint = town.get_waypoint_xodr(2, lane, s)
        assert waypoint.lane_change == allowed, (lane, s)
    inner = town.get_waypoint_xodr(2, -1, 80.0)
    assert inner.get_right_lane().lane_id == -2
    assert inner.left_lane_marking.type == carla.LaneMarkingType.SolidSolid
    assert inner.right_lane_marking.type == carla.LaneMarkingType.Broken
    assert town.get_waypoint_xodr(10, -1, 200.0).lane_change == carla.LaneChange.NONE


def test_lanes_are_three_and_a_half_metres_wide_on_the_right_hand_side(town):
    for waypoint in driving(town, 20.0):
        assert waypoint.lane_width == pytest.approx(3.5)
    eastbound = town.get_waypoint_xodr(2, -1, 80.0)
    assert eastbound.transform.location.y == pytest.approx(1.75)  # CARLA's y points right of east
    assert eastbound.transform.rotation.yaw % 360.0 == pytest.approx(0.0)


def test_every_light_governs_its_approach_and_belongs_to_one_controller_of_its_junction(town, tree):
    lights = town.get_all_landmarks_of_type("1000001")
    lit = {j.get("id"): [c.get("id") for c in j.iter("controller")] for j in tree.iter("junction")}
    controlled = Counter(c.get("signalId") for group in tree.findall("controller") for c in group)
    assert {c for group in lit.values() for c in group} == {c.get("id") for c in tree.findall("controller")}
    assert {light.id for light in lights} == set(controlled)
    assert set(controlled.values()) == {1}
    for light in lights:
        ((first, last),) = light.get_lane_validities()
        ahead = town.get_waypoint_xodr(light.road_id, first, light.s)
        assert first * last > 0
        assert ahead.next(6.0)[0].is_junction
        beside = light.transform.location.distance(ahead.transform.location)
        assert beside < 7.5
        facing = light.transform.rotation.yaw - ahead.transform.rotation.yaw
        assert math.cos(math.radians(facing)) == pytest.approx(1.0, abs=1e-3)


def test_approaching_drivers_find_their_light(town):
    waypoint = town.get_waypoint_xodr(2, -2, 130.0)
    found = waypoint.get_landmarks_of_type(60.0, "1000001")
    assert [landmark.road_id for landmark in found] == [2]


def test_crosswalks_lie_across_the_approaches_with_lights(town):
    assert len(town.get_crosswalks()) == 5 * len(town.get_all_landmarks_of_type("1000001"))
