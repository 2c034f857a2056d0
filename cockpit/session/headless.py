"""One route driven without a screen, in lock-step: the unit of which rounds, data collection and evaluation are made.

The world is loaded anew for each route and every actor made is removed, so a route's result depends neither on what was
driven before it nor on how fast the machine is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cockpit.config import LockstepConfig, SessionConfig
from cockpit.rig.camera_spec import FRONT_CAMERA, CameraSpec
from cockpit.route.files import RouteSpec
from cockpit.route.route import Route
from cockpit.session.loop import Session
from cockpit.session.ports import DriverSource, PolicyDriver, SensesItself, TickConsumer
from cockpit.session.progress import SessionResult
from cockpit.session.setup import Stage, set_stage
from recorder.schema import Tick

Consumers = Sequence[TickConsumer] | Callable[[Stage], Sequence[TickConsumer]]


def run_headless_route(
    config: SessionConfig,
    route: RouteSpec | Route | None,
    policy: PolicyDriver | None,
    driver: DriverSource | None,
    consumers: Consumers = (),
    cameras: Iterable[CameraSpec] = (FRONT_CAMERA,),
    on_tick: Callable[[Tick], object] | None = None,
    until: Callable[[Tick], bool] | None = None,
) -> SessionResult:
    """Drive `route` on the server at `config.host:config.port`, which must be running, and take everything down again.

    `consumers` are closed at the end; a function gets the stage (`stage.info(...)` is what a recorder needs) and gives
    them. `policy` and `driver` stay open for the next route; a driver with a memory should be made anew for each. A
    `config` without lock-step gets the default one; a policy that senses for itself is asked at every tick. Without a
    policy the driver has the car from the start.

    Raises:
        WorldLost: no server answers, or it died on the way (consumers are closed, what was recorded is kept).
        WorldError: the start is blocked, or a camera fell silent.
        ConfigError: a town, blueprint, weather or route that is not there.
        What a policy that senses for itself raises when it cannot drive.

    """
    lockstep = config.lockstep or LockstepConfig()
    if isinstance(policy, SensesItself):  # it filters over frames, and half a turn of its LiDAR comes with each
        lockstep = lockstep.model_copy(update={"plan_every": 1})
    config = config.model_copy(update={"fresh_world": True, "realtime": False, "lockstep": lockstep})
    with set_stage(config, cameras, route) as stage:
        stage.seat(policy)
        made = consumers(stage) if callable(consumers) else consumers
        session = Session(stage.config, stage.world, stage.route, policy, driver, made, stage.scenarios)

        def is_over(tick: Tick) -> bool:
            if on_tick is not None:
                on_tick(tick)
            return until is not None and until(tick)

        return session.run(is_over)
