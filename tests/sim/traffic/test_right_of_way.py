"""Who goes first where no light decides, how drivers leave lanes that end, and that no two block each other."""

import math
from importlib import resources

import carla
import numpy as np
import pytest

from sim.map.lanes import LaneGraph
from sim.map.routes import Turn
from sim.map.signals import LightState
from tests.sim.traffic.town_scene import DT, HALF_M, LANES, Scene

ASHFORD_TEXT = (resources.files("assets") / "maps" / "ashford.xodr").read_text()
ASHFORD = carla.Map("ashford", ASHFORD_TEXT)
ASHFORD_LANES = LaneGraph.from_map(ASHFORD)
ALL_WAY_STOP = 100


def ashford(seed: int = 1) -> Scene:
    return Scene(ASHFORD, ASHFORD_LANES, seed)


def unsigned_ashford() -> Scene:
    """The same town without its stop and yield signs."""
    text = ASHFORD_TEXT.replace('type="205"', 'type="900"').replace('type="206"', 'type="900"')
    return Scene.on(carla.Map("unsigned", text))


def approaches(lanes: LaneGraph, junction: int, least_m: float = 45.0) -> list[int]:
    """The lanes that lead into a junction."""
    inside = [lane.index for lane in lanes.lanes if lane.junction_id == junction]
    before = {k for lane in inside for k in lanes.predecessors[lane] if not lanes.lanes[k].is_junction}
    return sorted(k for k in before if lanes.lanes[k].length_m > least_m)


def inside(scene: Scene, k: int) -> int:
    """The junction that vehicle k's front is in, -1 for none."""
    v = scene.vehicles
    x, y = v.x[k] + HALF_M * math.cos(v.yaw[k]), v.y[k] + HALF_M * math.sin(v.yaw[k])
    lane, _ = scene.lanes.nearest(float(x), float(y), float(v.yaw[k]))
    return scene.lanes.lanes[lane].junction_id if lane >= 0 else -1


def entries(scene: Scene, junction: int, seconds: float) -> dict[int, float]:
    """When each vehicle first was in a junction, s."""
    entered: dict[int, float] = {}
    for tick in range(round(seconds / DT)):
        scene.step()
        for k, actor_id in enumerate(scene.vehicles.ids.tolist()):
            if actor_id not in entered and inside(scene, k) == junction:
                entered[actor_id] = tick * DT
    return entered


@pytest.mark.parametrize(("sign", "stands"), [("stops", True), ("yields", False)])
def test_a_lone_car_stands_at_a_stop_sign_but_not_at_a_yield_sign(sign, stands):
    scene = ashford()
    stops = set(scene.signals.stops)
    lanes = stops if sign == "stops" else set(scene.signals.give_way) - stops
    lane = max(lanes, key=lambda k: scene.lanes.lanes[k].length_m)
    scene.put(1, lane, scene.lanes.lanes[lane].length_m - 50.0, 8.0)
    slowest = 99.0
    for _ in range(round(25.0 / DT)):
        scene.step()
        slowest = min(slowest, float(scene.vehicles.vx_body[0]))
        if inside(scene, 0) >= 0:
            break
    assert inside(scene, 0) >= 0
    assert (slowest < 0.3) == stands


def test_at_an_all_way_stop_everybody_gets_a_turn():
    scene = ashford()
    ways = approaches(scene.lanes, ALL_WAY_STOP)
    assert len(ways) >= 3
    for k, lane in enumerate(ways):
        scene.put(k + 1, lane, scene.lanes.lanes[lane].length_m - 35.0 - 2.0 * k, 6.0)
    entered = entries(scene, ALL_WAY_STOP, 40.0)
    assert sorted(entered) == list(range(1, len(ways) + 1))
    assert scene.contacts == []


def from_the_right(lanes: LaneGraph, junction: int) -> tuple[int, int]:
    """Two ways into a junction, the second from the first's right."""
    ways = approaches(lanes, junction)
    for a in ways:
        for b in ways:
            turn = (lanes.lanes[b].yaw[-1] - lanes.lanes[a].yaw[-1] + math.pi) % math.tau - math.pi
            if abs(turn + math.pi / 2.0) < 0.3:
                return a, b
    raise AssertionError("no crossing road")


def test_without_signs_the_car_from_the_right_goes_first():
    scene = unsigned_ashford()
    left, right = from_the_right(scene.lanes, ALL_WAY_STOP)
    for actor_id, lane, before_m in ((1, left, 30.0), (2, right, 38.0)):
        scene.put(actor_id, lane, scene.lanes.lanes[lane].length_m - before_m, 7.0)
        scene.traffic.set_route(actor_id, (Turn.STRAIGHT,))
    entered = entries(scene, ALL_WAY_STOP, 20.0)
    assert entered[2] < entered[1]
    assert scene.contacts == []


def test_traffic_flows_through_roundabouts_and_priority_roads():
    scene = ashford(seed=4)
    scene.fill(40)
    standing, longest, speeds = np.zeros(40), 0.0, []
    for _ in range(round(60.0 / DT)):
        scene.step()
        standing = np.where(scene.vehicles.speed() < 0.2, standing + DT, 0.0)
        longest = max(longest, float(standing.max()))
        speeds.append(float(scene.vehicles.speed().mean()))
    assert scene.contacts == []
    assert longest < 50.0
    assert np.mean(speeds[200:]) > 4.0


def ending_lane(main_m: float = 900.0, ramp_m: float = 400.0) -> carla.Map:
    """A one-way road whose right lane ends after ramp_m, like the end of an on-ramp."""

    def section(s: float, lanes: int, links: str) -> str:
        lane = """<lane id="-{k}" type="driving" level="false">{link}<width sOffset="0" a="3.5" b="0" c="0" d="0"/>
        <roadMark sOffset="0" type="broken" weight="standard" color="standard" width="0.13" laneChange="both"/>
        </lane>"""
        right = "".join(lane.format(k=k + 1, link=links if k == 0 else "") for k in range(lanes))
        center = '<center><lane id="0" type="none" level="false"/></center>'
        return f'<laneSection s="{s}">{center}<right>{right}</right></laneSection>'

    on, back = '<link><successor id="-1"/></link>', '<link><predecessor id="-1"/></link>'
    return carla.Map(
        "ramp",
        f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="ramp" version="1"/>
        <road name="a" length="{main_m}" id="1" junction="-1">
        <type s="0" type="town"><speed max="70" unit="km/h"/></type>
        <planView><geometry s="0" x="0" y="0" hdg="0" length="{main_m}"><line/></geometry></planView>
        <lanes>{section(0.0, 2, on)}{section(ramp_m, 1, back)}</lanes></road></OpenDRIVE>""",
    )


def test_cars_on_a_lane_that_ends_merge_into_the_traffic_beside():
    scene = Scene.on(ending_lane())
    main, ramp = scene.lanes.nearest(100.0, 1.75, 0.0)[0], scene.lanes.nearest(100.0, 5.25, 0.0)[0]
    assert main != ramp
    for k in range(5):
        scene.put(10 + k, main, 20.0 + 40.0 * k, 14.0)
        scene.put(20 + k, ramp, 30.0 + 40.0 * k, 12.0)
    scene.step(35.0)
    on_ramp = scene.vehicles.ids >= 20
    assert scene.contacts == []
    assert (scene.vehicles.x[on_ramp] > 400.0).all()
    assert scene.vehicles.y[on_ramp] == pytest.approx(1.75, abs=0.3)


def test_two_cars_nose_to_nose_in_a_junction_find_a_way_out():
    """Each stands in the other's way, as after a light that failed; one backs up."""
    scene = Scene(seed=2)
    for actor_id, lane, s in ((1, 32, 7.3), (2, 43, 16.1)):
        scene.put(actor_id, lane, s)
    scene.step(3.0)
    assert scene.vehicles.speed().max() < 0.1
    scene.step(35.0)
    assert [inside(scene, k) == 200 for k in range(2)] == [False, False]
    assert scene.contacts == []


def test_a_client_that_creeps_in_a_junction_does_not_hold_a_left_turner_for_good():
    """It waits for the driver opposite to go first, and the driver opposite must not wait for it for ever."""
    scene = Scene(seed=2)
    scene.put(1, 32, 4.0, driven=False)
    before = LANES.predecessors[42][0]
    scene.put(2, before, LANES.lanes[before].length_m - 15.0)
    scene.traffic.set_route(2, (Turn.LEFT,))
    scene.show(LightState.GREEN)
    for tick in range(round(40.0 / DT)):
        creeps = tick % 80 < 10
        scene.vehicles.throttle[0], scene.vehicles.brake[0] = (0.12, 0.0) if creeps else (0.0, 1.0)
        scene.step()
    lane, _ = LANES.nearest(float(scene.vehicles.x[1]), float(scene.vehicles.y[1]), float(scene.vehicles.yaw[1]))
    assert not LANES.lanes[lane].is_junction
    assert lane != before
    assert scene.contacts == []
