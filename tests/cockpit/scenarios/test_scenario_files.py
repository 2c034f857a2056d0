"""Routes with scenarios on disk: the leaderboard's files are read unchanged, ours survive writing and reading."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from cockpit.config import ConfigError
from cockpit.route.files import read_route, read_routes, shipped_routes, write_routes
from cockpit.route.scenario_spec import Ability
from cockpit.scenarios.catalogue import TYPES
from cockpit.scenarios.director import weather_between

LEADERBOARD = Path(__file__).parent / "data" / "leaderboard_route.xml"
ISSUED = (
    "Accident", "ParkedObstacle", "ConstructionObstacle", "HazardAtSideLane", "VehicleOpensDoor",
    "DynamicObjectCrossing", "PedestrianCrossing", "ParkingCrossingPedestrian", "HardBreakRoute", "ParkingCutIn",
    "StaticCutIn", "HighwayCutIn", "HighwayExit", "MergerIntoSlowTraffic", "InterurbanActorFlow",
    "SignalizedJunctionLeftTurn", "NonSignalizedJunctionLeftTurn", "OppositeVehicleRunningRedLight",
    "OppositeVehicleTakingPriority", "BlockedIntersection", "InvadingTurn", "YieldToEmergencyVehicle", "ControlLoss",
    "VehicleTurningRoute",
)  # fmt: skip


def test_a_leaderboard_file_is_read_as_it_is():
    route = read_route(LEADERBOARD)
    first, second = route.scenarios
    assert (route.route_id, route.town, len(route.waypoints)) == ("1773", "Town12", 3)
    assert (first.name, first.type) == ("ParkedObstacle_1", "ParkedObstacle")
    assert first.trigger.y == 5278.0
    assert first.trigger.yaw == pytest.approx(math.radians(-90.1))
    assert first.number("distance", 0.0) == 40.0
    assert first.word("direction", "left") == "right"
    assert first.number("there is none", 7.0) == 7.0
    assert second.span("frequency", (0.0, 0.0)) == (63.0, 119.0)


def test_weathers_come_in_the_order_of_the_route_and_blend_between_them():
    weathers = read_route(LEADERBOARD).weathers
    assert [one.share for one in weathers] == [0.0, 1.0]
    assert weather_between(weathers, 0.0)["sun_altitude_angle"] == 45.0
    assert weather_between(weathers, 0.25)["cloudiness"] == pytest.approx(25.0)
    assert weather_between(weathers, 0.5)["fog_density"] == pytest.approx(10.0)


def test_what_is_written_is_read_back(tmp_path: Path):
    routes = read_routes(LEADERBOARD)
    write_routes(tmp_path / "again.xml", routes)
    again = read_routes(tmp_path / "again.xml")
    assert again[0].waypoints == routes[0].waypoints
    assert [one.parameters for one in again[0].scenarios] == [one.parameters for one in routes[0].scenarios]
    assert again[0].scenarios[0].trigger.yaw == pytest.approx(routes[0].scenarios[0].trigger.yaw, abs=1e-3)
    assert again[0].weathers == routes[0].weathers


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ('<scenario name="a" type="Accident"></scenario>', "trigger_point"),
        ('<scenario name="a"><trigger_point x="1" y="2" yaw="3"/></scenario>', "needs a type"),
        ('<scenario name="a" type="Accident"><trigger_point x="1" y="north" yaw="3"/></scenario>', "numbers"),
    ],
)
def test_a_broken_scenario_says_what_is_missing(tmp_path: Path, broken: str, says: str):
    file = tmp_path / "broken.xml"
    file.write_text(
        '<routes><route id="7" town="T"><waypoints><position x="0" y="0"/><position x="9" y="0"/></waypoints>'
        f"<scenarios>{broken}</scenarios></route></routes>"
    )
    with pytest.raises(ConfigError, match=says):
        read_routes(file)


def test_a_parameter_that_is_no_number_is_named():
    scenario = read_route(LEADERBOARD).scenarios[0]
    with pytest.raises(ConfigError, match=r"ParkedObstacle_1.*direction"):
        scenario.number("direction", 0.0)


def test_every_type_asked_for_is_in_the_catalogue_and_every_ability_has_types():
    assert set(ISSUED) <= set(TYPES)
    assert {ability for kind in TYPES.values() for ability in kind.abilities} == set(Ability)


@pytest.mark.parametrize("name", ["collect", "test"])
def test_a_shipped_set_plays_known_types_on_routes_of_known_ids(name: str):
    routes = read_routes(shipped_routes(name))
    assert all(one.type in TYPES for route in routes for one in route.scenarios)
    assert max(Counter(route.route_id for route in routes).values()) == 1
    assert all(route.route_id.isdigit() for route in routes)  # the leaderboard's tools sort by number


def test_no_place_of_the_test_set_is_one_of_the_collect_set():
    collect, test = (read_routes(shipped_routes(name)) for name in ("collect", "test"))
    for mine in test:
        for other in collect:
            if mine.town == other.town and mine.scenarios[0].type == other.scenarios[0].type:
                a, b = mine.scenarios[0].trigger, other.scenarios[0].trigger
                assert math.hypot(a.x - b.x, a.y - b.y) > 20.0 or math.cos(a.yaw - b.yaw) < 0.5
