"""The RPC calls about the whole world: version, clock, episode, settings, weather, which TrafficManager runs."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

from sim.calls.table import Context, call
from sim.protocol import wire
from sim.protocol.forms import finite
from sim.protocol.rpc import Address, ReplyShape, RpcError
from sim.scene.weather import Weather
from sim.simulator.simulator import Settings


@call("version")
def version(_context: Context) -> str:
    """The CARLA version that this server speaks."""
    return wire.VERSION


@call("tick_cue")
def tick(context: Context) -> int:
    """One step of time; gives the new frame."""
    return context.simulator.tick()


@call("console_command")
def run_console_command(_context: Context, command: str) -> Any:
    """Refused."""
    raise RpcError(f"there is no console for '{command}'")


# Episode and settings


@call("get_episode_info")
def episode_info(context: Context) -> list[Any]:
    """Episode id and the token of the world's stream."""
    return [context.simulator.episode_id, [context.simulator.token(context.simulator.world_streams.present)]]


@call("get_sensor_token")
def sensor_token(context: Context, stream_id: int) -> list[Any]:
    """Where a stream is; a client asks right before it connects. RpcError when there never was one of that id."""
    known = int(stream_id)
    if not context.simulator.is_stream(known):
        raise RpcError(f"there is no stream {known}")
    context.simulator.streams.expect(known)
    return [context.simulator.token(known)]


@call("get_episode_settings")
def settings(context: Context) -> list[Any]:
    """`EpisodeSettings` as on the wire."""
    values: list[Any] = list(astuple(context.simulator.settings))
    step_s = context.simulator.settings.fixed_step_s
    values[2] = [False] if step_s is None else [True, step_s]
    return values


@call("set_episode_settings")
def set_settings(context: Context, values: list[Any]) -> int:
    """Take settings and give the frame from which they hold."""
    synchronous, no_rendering, step, substepping, max_substep, substeps, *distances = values
    culling, ragdolls, tile, active, spectator = distances
    settings = Settings(
        synchronous=bool(synchronous),
        no_rendering=bool(no_rendering),
        fixed_step_s=finite(step[1])[0] if step[0] else None,
        substepping=bool(substepping),
        max_substep_s=finite(max_substep)[0],
        max_substeps=int(substeps),
        max_culling_distance_m=finite(culling)[0],
        deterministic_ragdolls=bool(ragdolls),
        tile_stream_distance_m=finite(tile)[0],
        actor_active_distance_m=finite(active)[0],
        spectator_as_ego=bool(spectator),
    )
    context.simulator.change_settings(settings)
    return context.world.frame


@call("set_weather_parameters", ReplyShape.VOID)
def set_weather(context: Context, values: list[Any]) -> None:
    """Take the 14 numbers of the weather."""
    numbers = finite(*values)
    if len(numbers) != len(fields(Weather)):
        raise ValueError(f"a weather has {len(fields(Weather))} numbers, not {len(numbers)}")
    context.simulator.weather = Weather(*numbers)


@call("get_weather_parameters")
def weather(context: Context) -> list[float]:
    """The 14 numbers of the weather."""
    return list(astuple(context.simulator.weather))


@call("get_imui_gravity")
def imu_gravity(context: Context) -> float:
    """Gravity that IMUs feel, m/s²."""
    return context.simulator.imu_gravity_mps2


@call("set_imui_gravity", ReplyShape.VOID)
def set_imu_gravity(context: Context, gravity_mps2: float) -> None:
    """Gravity that IMUs feel."""
    (context.simulator.imu_gravity_mps2,) = finite(gravity_mps2)


# Which TrafficManager runs: this server answers as one


@call("is_traffic_manager_running")
def is_traffic_manager_running(_context: Context, _port: int) -> bool:
    """Always."""
    return True


@call("get_traffic_manager_running", with_caller=True)
def traffic_manager_address(_context: Context, server: Address, _port: int) -> list[Any]:
    """Host and port of this server, as the caller reached it."""
    return list(server)


@call("add_traffic_manager_running")
def add_traffic_manager(_context: Context, _address: Any) -> bool:
    """Never: one runs already, so that none of the client's own comes to be."""
    return False


@call("destroy_traffic_manager")
def destroy_traffic_manager(_context: Context, _port: int) -> bool:
    """Nothing is destroyed; the client expects True."""
    return True
