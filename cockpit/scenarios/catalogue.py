"""Every type of scenario that can be played: its abilities, its parameters, and how it is built.

The names are Bench2Drive's, and so are the abilities (its `tools/ability_benchmark.py`). To add a type, write a
function from a `Scene` to a `Play` and name it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from cockpit.route.scenario_spec import Ability
from cockpit.scenarios.scene import Play, Scene
from cockpit.scenarios.types import crossings, flows, give_way, junctions, leading, obstacles


@dataclass(frozen=True, slots=True)
class ScenarioType:
    """One type of scenario."""

    name: str
    abilities: tuple[Ability, ...]
    build: Callable[[Scene], Play]
    """Puts the actors in and gives the tree; raises StageError where it does not fit."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What can be set in the route file, with unit and default."""


_OVERTAKE = (Ability.OVERTAKING,)
_BRAKE = (Ability.EMERGENCY_BRAKE,)
_BRAKE_SIGNS = (Ability.EMERGENCY_BRAKE, Ability.TRAFFIC_SIGNS)
_MERGE = (Ability.MERGING,)

_DISTANCE = {"distance": "metres from the trigger to the obstacle (40)"}
_FREQUENCY = {"frequency": "metres between oncoming vehicles, from and to (40, 110)"}
_CYCLISTS = {"bicycle_speed": "km/h (7)", "bicycle_drive_distance": "metres that the cyclists ride (80, at most 60)"}
_FLOW = {
    "flow_speed": "m/s of the flow",
    "source_dist_interval": "metres between its vehicles, from and to",
}
_FLOW_ROAD = _FLOW | {"start_actor_flow": "x, y, z where it begins", "end_actor_flow": "x, y, z where it ends"}
_MERGE_SIGNS = (Ability.MERGING, Ability.TRAFFIC_SIGNS)
_SIGNS = (Ability.TRAFFIC_SIGNS,)
_SIDE = {"direction": "where the other comes from: left, right or opposite (left)"}
_ANGLE = {"crossing_angle": "degrees against straight across (0)"}


def _both_ways(name: str, build: Callable[..., Play], more: Mapping[str, str] | None = None) -> list[ScenarioType]:
    """A type and its two-way variant."""
    own = _DISTANCE | dict(more or {})
    return [
        ScenarioType(name, _OVERTAKE, partial(build, two_ways=False), own),
        ScenarioType(f"{name}TwoWays", _OVERTAKE, partial(build, two_ways=True), own | _FREQUENCY),
    ]


TYPES: Mapping[str, ScenarioType] = {
    one.name: one
    for one in (
        *_both_ways("Accident", obstacles.accident),
        *_both_ways("ParkedObstacle", obstacles.parked_obstacle),
        *_both_ways("ConstructionObstacle", obstacles.construction),
        *_both_ways("HazardAtSideLane", obstacles.hazard_at_side_lane, _CYCLISTS),
        *_both_ways("VehicleOpensDoor", obstacles.vehicle_opens_door),
        ScenarioType(
            "DynamicObjectCrossing",
            _BRAKE,
            crossings.dynamic_object_crossing,
            _DISTANCE | _ANGLE | {"blocker_model": "blueprint of what hides the pedestrian"},
        ),
        ScenarioType("ParkingCrossingPedestrian", _BRAKE, crossings.parking_crossing_pedestrian, _DISTANCE | _ANGLE),
        ScenarioType("PedestrianCrossing", _BRAKE_SIGNS, crossings.pedestrian_crossing),
        ScenarioType("VehicleTurningRoute", _BRAKE_SIGNS, partial(crossings.vehicle_turning, on_foot=False)),
        ScenarioType("VehicleTurningRoutePedestrian", _BRAKE_SIGNS, partial(crossings.vehicle_turning, on_foot=True)),
        ScenarioType(
            "HardBreakRoute",
            _BRAKE,
            leading.hard_break,
            {"distance": "metres to the car ahead (22)", "speed": "km/h at most before it brakes (28)"},
        ),
        ScenarioType("ParkingCutIn", _BRAKE, leading.parking_cut_in, {"distance": "metres from the trigger (35)"}),
        ScenarioType(
            "StaticCutIn",
            _BRAKE,
            leading.static_cut_in,
            _DISTANCE | {"direction": "side of the queue, left or right (right)"},
        ),
        ScenarioType(
            "HighwayCutIn", _MERGE, leading.highway_cut_in, {"other_actor_location": "x, y, z where it comes from"}
        ),
        ScenarioType(
            "SignalizedJunctionLeftTurn", _MERGE_SIGNS, partial(junctions.turn_across_flow, signals=True), _FLOW
        ),
        ScenarioType(
            "NonSignalizedJunctionLeftTurn", _MERGE_SIGNS, partial(junctions.turn_across_flow, signals=False), _FLOW
        ),
        ScenarioType(
            "SignalizedJunctionRightTurn",
            _MERGE_SIGNS,
            partial(junctions.turn_across_flow, signals=True, come_from="left", joins=True),
            _FLOW,
        ),
        ScenarioType(
            "NonSignalizedJunctionRightTurn",
            _MERGE_SIGNS,
            partial(junctions.turn_across_flow, signals=False, come_from="left", joins=True),
            _FLOW,
        ),
        ScenarioType(
            "OppositeVehicleRunningRedLight", _BRAKE_SIGNS, partial(junctions.rushing_vehicle, signals=True), _SIDE
        ),
        ScenarioType(
            "OppositeVehicleTakingPriority", _BRAKE_SIGNS, partial(junctions.rushing_vehicle, signals=False), _SIDE
        ),
        ScenarioType("BlockedIntersection", _BRAKE_SIGNS, junctions.blocked_intersection),
        ScenarioType("T_Junction", _SIGNS, junctions.pass_junction),
        ScenarioType("VanillaNonSignalizedTurn", _SIGNS, junctions.pass_junction),
        ScenarioType("VanillaNonSignalizedTurnEncounterStopsign", _SIGNS, junctions.pass_junction),
        ScenarioType("VanillaSignalizedTurnEncounterGreenLight", _SIGNS, partial(junctions.held_junction, green=True)),
        ScenarioType("VanillaSignalizedTurnEncounterRedLight", _SIGNS, partial(junctions.held_junction, green=False)),
        ScenarioType("HighwayExit", _MERGE, flows.highway_exit, _FLOW_ROAD),
        ScenarioType("MergerIntoSlowTraffic", _MERGE, partial(flows.actor_flow, slow=True), _FLOW_ROAD),
        ScenarioType("MergerIntoSlowTrafficV2", _MERGE, partial(flows.actor_flow, slow=True), _FLOW_ROAD),
        ScenarioType("InterurbanActorFlow", _MERGE, flows.actor_flow, _FLOW_ROAD),
        ScenarioType("InterurbanAdvancedActorFlow", _MERGE, flows.actor_flow, _FLOW_ROAD),
        ScenarioType("EnterActorFlow", _MERGE_SIGNS, flows.actor_flow, _FLOW_ROAD),
        ScenarioType(
            "InvadingTurn",
            (Ability.GIVE_WAY,),
            give_way.invading_turn,
            {
                "distance": "metres of road on which they come over (50)",
                "offset": "metres that they come over beyond 0.3 (0.5)",
            },
        ),
        ScenarioType(
            "YieldToEmergencyVehicle",
            (Ability.GIVE_WAY,),
            give_way.yield_to_emergency_vehicle,
            {"distance": "metres behind the ego at which it begins (40)"},
        ),
        ScenarioType(
            "ControlLoss", _BRAKE, give_way.control_loss, {"strength": "of the pull, 1 is ScenarioRunner's (1)"}
        ),
    )
}
