"""OpenDRIVE files of other tools: valid ones load and draw, invalid ones get one message that names the place."""

import math
import re

import carla
import numpy as np
import pytest
from shapely.geometry import Point

from sim.map.check import MapTextError, check_map
from sim.map.files import MapFileError, find_map, mended, read_map
from sim.map.network import MapError, read_network
from sim.map.opendrive import read_roads
from sim.scene.poses import Pose
from sim.town.mesh import StaticMesh
from sim.town.roads import build_roads
from sim.world.world import World

LANE = '<lane id="{}" type="{}" level="false"><width sOffset="0" a="{}" b="0" c="0" d="0"/></lane>'
CENTRE = '<center><lane id="0" type="none" level="false"/></center>'
TWO_WAY = (
    f'<laneSection s="0"><left>{LANE.format(1, "driving", 3.5)}</left>{CENTRE}'
    f"<right>{LANE.format(-1, 'driving', 3.5)}</right></laneSection>"
)
LINE = '<geometry s="0" x="0" y="0" hdg="0" length="200"><line/></geometry>'


def road(planview=LINE, lanes=TWO_WAY, body="", attributes='length="200" id="1"'):
    return (
        f'<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="odd" version="1"/>'
        f'<road name="a" junction="-1" {attributes}><type s="0" type="town"/><planView>{planview}</planView>{body}'
        f"<lanes>{lanes}</lanes></road></OpenDRIVE>"
    )


def shaped(shape):
    return road(f'<geometry s="0" x="0" y="0" hdg="0.5" length="200">{shape}</geometry>')


def right_lanes(*lanes):
    return f'<laneSection s="0">{CENTRE}<right>{"".join(LANE.format(*lane) for lane in lanes)}</right></laneSection>'


ODD = {
    "left-hand traffic": road(attributes='length="200" id="1" rule="LHT"'),
    "poly3": shaped('<poly3 a="0" b="0" c="0.001" d="0"/>'),
    "paramPoly3, normalized": shaped(
        '<paramPoly3 aU="0" bU="190" cU="0" dU="0" aV="0" bV="0" cV="40" dV="0" pRange="normalized"/>'
    ),
    "paramPoly3, arcLength": shaped(
        '<paramPoly3 aU="0" bU="1" cU="0" dU="0" aV="0" bV="0" cV="0.001" dV="0" pRange="arcLength"/>'
    ),
    "spiral": shaped('<spiral curvStart="0" curvEnd="0.01"/>'),
    "lane offset": road(lanes='<laneOffset s="0" a="1" b="0.01" c="0" d="0"/>' + TWO_WAY),
    "superelevation": road(
        body='<elevationProfile><elevation s="0" a="5" b="0.05" c="0" d="0"/></elevationProfile>'
        '<lateralProfile><superelevation s="0" a="0.05" b="0" c="0" d="0"/></lateralProfile>'
    ),
    "link to nowhere": road(body='<link><successor elementType="road" elementId="9" contactPoint="start"/></link>'),
    "objects measured in words": road(
        body='<objects><object id="7" type="pole" s="20" t="tall" length="long" width="wide"/></objects>'
    ),
    "objects placed in words": road(
        body='<objects><object id="7" type="pole" s="near" t="1">'
        '<validity fromLane="all" toLane="all"/></object></objects>'
    ),
    "road marks placed in words": road(
        lanes=TWO_WAY.replace("/></center>", '><roadMark sOffset="here" type="solid" width="0.15"/></lane></center>')
    ),
    "lane of no width": road(lanes=right_lanes((-1, "driving", 3.5), (-2, "driving", 0))),
    "median between": road(lanes=right_lanes((-1, "median", 2), (-2, "driving", 3.5), (-3, "bus", 3))),
}


@pytest.mark.parametrize("name", ODD)
def test_valid_oddities_load_and_their_roads_are_drawn_where_the_lanes_are(name):
    text = ODD[name]
    world = World(read_network(name, text), 0)
    assert world.spawn_points
    world.step(0.05)
    mesh = StaticMesh()
    _, outlines = build_roads(read_roads(text), mesh)
    vertices, indices, *_ = mesh.build()
    assert np.isfinite(vertices["position"]).all()
    assert len(indices) > 100
    for w in world.carla_map.generate_waypoints(20.0):
        if w.lane_width > 1.0:
            x, y = w.transform.location.x, w.transform.location.y
            margin = outlines.drivable.buffer(0.4)  # poly3's arc length is not its u, and CARLA samples it
            assert margin.intersects(Point(x, y)), (name, x, y)


def test_an_arc_that_does_not_bend_is_read_as_a_line():
    text = mended(shaped('<arc curvature="0.0"/>'))
    world = World(read_network("straight", text), 0)
    assert np.isfinite(world.lanes.x).all()
    assert mended(shaped('<arc curvature="-1e-3"/>')) == shaped('<arc curvature="-1e-3"/>')
    assert mended(ODD["spiral"]) == ODD["spiral"]
    steady = mended(shaped('<spiral curvStart="0.01" curvEnd="0.01"/>'))
    assert '<arc curvature="0.01"/>' in steady
    assert np.isfinite(World(read_network("bend", steady), 0).lanes.x).all()


OSM = """<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">
<bounds minlat="49.0" minlon="8.4" maxlat="49.01" maxlon="8.41"/>
<node id="1" lat="49.001" lon="8.401"/><node id="2" lat="49.003" lon="8.403"/>
<node id="3" lat="49.005" lon="8.403"/><node id="4" lat="49.003" lon="8.407"/>
<way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/></way>
<way id="11"><nd ref="2"/><nd ref="4"/><tag k="highway" v="residential"/></way></osm>"""


def test_a_map_that_carlas_converter_made_of_openstreetmap_loads():
    """Its dead ends name junctions that the file lacks."""
    text = carla.Osm2Odr.convert(OSM, carla.Osm2OdrSettings())
    named = set(re.findall('elementType="junction" elementId="([^"]*)"', text))
    kept = set(re.findall('elementType="junction" elementId="([^"]*)"', mended(text)))
    assert len(named) > 1
    assert len(kept) == 1
    world = World(read_network("osm", mended(text)), 0)
    assert len(world.spawn_points) > 10
    world.step(0.05)


BAD = {
    "hello": "not well-formed XML",
    "<a/>": "outermost element is <a>",
    "<OpenDRIVE/>": "no <road>",
    road(planview=""): "road 1: <planView> has no <geometry>",
    shaped(""): "road 1, geometry 1: it holds nothing; one of line, arc",
    shaped("<bezier/>"): "road 1, geometry 1: it holds <bezier>",
    shaped('<userData code="a"/><line/>'): "road 1, geometry 1: its first element is <userData>",
    road(planview=LINE.replace('x="0"', 'x="zero"')): 'road 1, geometry 1: x="zero" is not a number',
    shaped('<arc curvature="nan"/>'): 'road 1, geometry 1, arc: curvature="nan" is not a number',
    road(attributes='length="0" id="1"'): "road 1: its length must be above 0",
    road(attributes='length="200" id="A7"'): "road A7: its id must be a whole number",
    road(lanes=""): "road 1: <lanes> has no <laneSection>",
    road(lanes=right_lanes((-1, "driving", 3), (-3, "driving", 3))): "lanes on the right are [-1, -3]",
    road(lanes=right_lanes((-1, "sidewalk", 2))): "no driving lanes",
    road(body='<link><successor elementType="junction" elementId="9"/></link>'): "junction 9",
}


@pytest.mark.parametrize("text", BAD, ids=list(BAD.values()))
def test_a_wrong_file_gets_one_message_that_says_where_and_what(text):
    with pytest.raises(MapTextError) as caught:
        check_map(text)
    assert BAD[text] in str(caught.value)
    with pytest.raises(MapError):
        read_network("bad", text)


def test_cars_stand_on_the_slope_and_lean_with_it():
    slope = 0.08
    text = road(body=f'<elevationProfile><elevation s="0" a="5" b="{slope}" c="0" d="0"/></elevationProfile>')
    world = World(read_network("hill", text), 0)
    for lane, facing in ((-1, 1.0), (1, -1.0)):
        w = world.carla_map.get_waypoint_xodr(1, lane, 100.0)
        t = w.transform
        ids = spawn(world, t)
        world.step(0.05)
        actor = world.actor(ids)
        assert actor.pose.z == pytest.approx(5.0 + slope * 100.0, abs=0.05)
        assert actor.pose.pitch == pytest.approx(facing * math.atan(slope), abs=0.02)


def test_a_car_left_alone_on_a_slope_rolls_down_and_stays_on_the_road():
    text = road(body='<elevationProfile><elevation s="0" a="0" b="0.08" c="0" d="0"/></elevationProfile>')
    world = World(read_network("hill", text), 0)
    ids = spawn(world, world.carla_map.get_waypoint_xodr(1, -1, 150.0).transform)
    for _ in range(60):
        world.step(0.05)
    pose = world.actor(ids).pose
    assert pose.x < 149.8
    assert pose.z == pytest.approx(0.08 * pose.x, abs=0.02)


def spawn(world, transform):
    at, turn = transform.location, transform.rotation
    pose = Pose(at.x, at.y, at.z + 0.5, 0.0, 0.0, math.radians(turn.yaw))
    return world.spawn([7, "vehicle.tesla.model3", []], pose).actor_id


def test_walkers_climb_with_the_road():
    text = road(body='<elevationProfile><elevation s="0" a="0" b="0.1" c="0" d="0"/></elevationProfile>')
    world = World(read_network("hill", text), 0)
    t = carla.Transform(carla.Location(50.0, 6.0, 6.0))
    walker = world.spawn([8, "walker.pedestrian.0001", []], Pose(t.location.x, t.location.y, t.location.z))
    before = walker.pose.z
    walker.direction, walker.speed_mps = (1.0, 0.0, 0.0), 2.0
    for _ in range(40):
        world.step(0.05)
    assert walker.pose.z - before == pytest.approx(0.1 * (walker.pose.x - 50.0), abs=0.02)
    assert walker.pose.x > 53.0


def test_a_map_is_given_by_name_or_by_path_and_a_wrong_one_names_the_towns(tmp_path):
    own = tmp_path / "kerb.xodr"
    own.write_text("\ufeff" + road(), encoding="utf-8")  # many tools write a byte order mark
    assert find_map("Kingsway") == find_map("kingsway")
    assert find_map("kingsway").name == "kingsway.xodr"
    assert find_map(str(own)) == own
    check_map(read_map(own).opendrive)
    towns = "Ashford, Flatfield, Highfield, Kingsway, Millbrook"
    with pytest.raises(MapFileError, match=rf"Atlantis does not exist.*{towns}"):
        find_map("Atlantis")
