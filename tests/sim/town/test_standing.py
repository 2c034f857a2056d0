"""What stands in the shipped towns: the same as is drawn, and nothing of it on a driving lane."""

from importlib import resources

import numpy as np
import pytest

from sim.map.driving_lanes import DrivingLanes
from sim.map.opendrive import read_roads
from sim.scene.bodies import StaticBody, rectangle
from sim.scene.labels import Tag
from sim.town.standing import standing
from sim.town.town import build_town

TOWNS = ("ashford", "highfield", "kingsway", "millbrook")
LANE = """<lane id="-{k}" type="{kind}" level="false"><width sOffset="0" a="{width}" b="0" c="0" d="0"/></lane>"""


def opendrive(town: str) -> str:
    return (resources.files("assets") / "maps" / f"{town}.xodr").read_text()


def road_with(objects: str, signals: str = "") -> str:
    """A one-way road of 100 m along x, driven on from y = 0 to 3.5, with a shoulder of 2 m beside it."""
    lanes = LANE.format(k=1, kind="driving", width=3.5) + LANE.format(k=2, kind="shoulder", width=2.0)
    return f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="a" version="1"/>
    <road name="a" length="100" id="1" junction="-1">
      <planView><geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry></planView>
      <lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
      <right>{lanes}</right></laneSection></lanes><objects>{objects}</objects><signals>{signals}</signals>
    </road></OpenDRIVE>"""


def barrier(subtype: str, t: float, height: float = 1.2, s: float = 10.0, length: float = 40.0) -> str:
    return f"""<object id="7" s="{s}" t="{t}" subtype="{subtype}" type="barrier" name="b" orientation="none" hdg="0"
        zOffset="0" pitch="0" roll="0" width="0.3" height="{height}" length="{length}"/>"""


@pytest.mark.parametrize("town", TOWNS)
def test_what_is_solid_is_what_is_drawn(town):
    drawn, solid = build_town(opendrive(town)).bodies, standing(opendrive(town)).bodies
    assert len(drawn) == len(solid)
    for a, b in zip(drawn, solid, strict=True):
        assert np.array_equal(a.footprint, b.footprint)
        assert (a.low_m, a.high_m, a.tag, a.signal_id) == (b.low_m, b.high_m, b.tag, b.signal_id)


@pytest.mark.parametrize("town", TOWNS)
def test_driving_lanes_are_free_of_solid_things_to_a_trucks_mirrors(town):
    lanes = DrivingLanes(read_roads(opendrive(town)))
    bodies = standing(opendrive(town)).bodies
    assert len(bodies) > 500
    assert not lanes.reached_by(bodies, 0.2).any()
    # On the pavement, and beside motorways, posts and rails may stand nearer than houses and trees.
    big = [body for body in bodies if body.tag in (Tag.BUILDINGS, Tag.VEGETATION)]
    assert not lanes.reached_by(big, 1.5).any()


def test_a_body_on_a_lane_is_found_and_one_beside_or_above_it_is_not():
    lanes = DrivingLanes(read_roads(road_with("")))
    places = [(1.0, 0.0, 3.0), (3.8, 0.0, 3.0), (1.0, 6.0, 8.0), (1.0, -9.0, -6.0), (3.65, 0.0, 3.0)]
    bodies = [StaticBody(rectangle(50.0, y, 0.0, 0.1, 0.05), a, b, Tag.POLES) for y, a, b in places]
    assert lanes.reached_by(bodies, 0.2).tolist() == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("subtype", "name", "span"),
    [
        ("guardRail", "static.guardrail", (0.42, 0.74)),
        ("jerseyBarrier", "static.wall", (-0.3, 1.2)),
        ("fence", "static.fence", (0.0, 1.2)),
    ],
)
def test_barriers_of_a_map_stand_where_it_says(subtype, name, span):
    bodies = standing(road_with(barrier(subtype, -6.0))).bodies
    pieces = [body for body in bodies if body.static_id == name and abs(body.footprint[:, 1] - 6.0).max() < 1.0]
    corners = np.concatenate([body.footprint for body in pieces])
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx((10.0, 50.0))
    assert abs(corners[:, 1] - 6.0).max() < 0.16  # CARLA's y is to the right
    assert {(body.low_m, body.high_m) for body in pieces} == {span}


def test_a_sign_that_a_map_has_on_the_road_stops_nobody_and_one_beside_it_does():
    sign = """<signal s="{s}" t="{t}" id="{k}" name="s" dynamic="no" orientation="+" zOffset="2" country="OpenDRIVE"
        type="274" subtype="-1" value="50" unit="km/h" hOffset="0" pitch="0" roll="0" height="0.8" width="0.8"/>"""
    signs = sign.format(s=30, t=-1.0, k=1) + sign.format(s=60, t=-4.5, k=2)
    posts = [body.signal_id for body in standing(road_with("", signs)).bodies if body.tag == Tag.TRAFFIC_SIGNS]
    assert posts == ["2"]


def test_a_rail_that_crosses_a_lane_ends_before_it():
    """The rail of a motorway leads on past its ramps' ends on some maps."""
    rail = barrier("guardRail", 0.0, s=0.0, length=100.0)
    repeated = rail.replace("/>", '><repeat s="0" length="100" distance="0" tStart="2" tEnd="-2"/></object>')
    bodies = [b for b in standing(road_with(repeated)).bodies if b.tag == Tag.GUARD_RAIL]
    assert bodies
    assert max(float(b.footprint[:, 0].max()) for b in bodies) < 50.0
    assert len(build_town(road_with(repeated)).bodies) == len(standing(road_with(repeated)).bodies)
