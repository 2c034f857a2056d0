"""Collecting from the real simulator: samples hold what a policy would have seen and should have done."""

from __future__ import annotations

import shutil
from pathlib import Path

import carla
import numpy as np
import pytest

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.lanes import LaneGraph
from cockpit.route.planning import random_route
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from policy.expert.expert import Expert
from policy.serving.process import PolicyProcess
from policy.vla.checkpoint import CameraSettings, read_settings
from policy.vla.codebook import Codebook
from policy.vla.small import SmallConfig, make_checkpoint
from recorder.schema import LightColour, RouteCommand
from refine.data.collect import collect_expert
from refine.data.collect_config import CollectConfig
from refine.data.dagger import DaggerConfig, KeptDrive, collect_dagger, drive, drive_of
from refine.data.samples import COMMANDS, LIGHTS, SHARD_PATTERN, SampleBuffer, Samples, light_ahead, read_samples
from refine.data.scatter import Scatter
from refine.driving import camera_specs

SMALL = CollectConfig(
    samples=40,
    scene_samples=20,
    workers=1,
    traffic=(4,),
    route_samples=10,
    towns=("Millbrook",),
    weathers=("ClearNoon",),
)


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> tuple[Path, Samples, list]:
    folder, reports = tmp_path_factory.mktemp("samples"), []
    collect_expert(folder, SMALL, reports.append)
    return folder, read_samples(folder), reports


def test_as_many_samples_as_asked_for_are_there_in_whole_shards(collected):
    folder, samples, reports = collected
    assert len(samples) == 40
    assert len(list(folder.glob(SHARD_PATTERN))) == 2
    assert reports[-1].samples == reports[-1].total == 40
    assert len(np.unique(samples.group)) >= 4


def test_pictures_have_the_policys_size_and_show_something_different_each(collected):
    _, samples, _ = collected
    camera = CameraSettings()
    assert samples.images.shape == (40, camera.height, camera.width, 3)
    assert (samples.images.reshape(40, -1).std(1) > 10).all()
    assert len({image.tobytes() for image in samples.images}) == 40


def test_labels_are_drives_a_car_can_make_from_the_speed_it_had(collected):
    _, samples, _ = collected
    start = np.concatenate([np.zeros((40, 1, 3)), samples.trajectory_ego], axis=1)
    speeds = np.linalg.norm(np.diff(start[..., :2], axis=1), axis=-1) / 0.5
    assert (np.abs(speeds[:, 0] - samples.speed_mps) < 2.5).all()
    assert (np.abs(np.diff(speeds, axis=1)) < 5.0).all()
    assert speeds.max() < 12.0
    assert np.abs(samples.trajectory_ego[..., 2]).max() < np.pi


def test_speeds_offsets_and_commands_are_mixed(collected):
    _, samples, _ = collected
    assert samples.speed_mps.std() > 1.0
    assert len(np.unique(samples.command)) >= 2
    turning = np.isin(samples.command, [COMMANDS.index(RouteCommand.LEFT), COMMANDS.index(RouteCommand.RIGHT)])
    assert turning.mean() > 0.15
    assert np.abs(samples.trajectory_ego[:, 0, 1]).std() > 0.02


def test_before_lights_every_colour_is_seen_and_distinguished_from_no_light(collected):
    _, samples, _ = collected
    lights = {LIGHTS[index] for index in samples.light}
    assert {LightColour.UNKNOWN, LightColour.RED, LightColour.GREEN} <= lights


def test_the_colour_of_a_light_is_not_given_away_by_where_it_stands():
    """At one place, with one seed of the traffic, both red and green come up."""
    config = CollectConfig(lights=1.0, turns=0.0, followed=0.0)
    seen: dict[int, set[LightColour]] = {}
    with launch_simulator() as simulator:
        session = SessionConfig(port=simulator.port, realtime=False, random_route_m=300.0)
        with set_stage(session, camera_specs(config.policy.cameras)) as stage:
            route = random_route(LaneGraph(stage.world.carla_map), 5, 400.0).with_lights(stage.world.light_ids())
            with Scatter(stage, config, np.random.default_rng(0)) as scatter:
                ticks = [look.tick for _ in range(40) for look in scatter.sample(route)]
    for tick in ticks:
        seen.setdefault(tick.route.next_light_id, set()).add(light_ahead(tick))
    shown = [colours - {LightColour.UNKNOWN} for light, colours in seen.items() if light >= 0]
    assert shown
    assert all({LightColour.RED, LightColour.GREEN} <= colours for colours in shown)


def test_the_same_settings_give_the_same_samples(collected, tmp_path):
    _, samples, _ = collected
    collect_expert(tmp_path, SMALL.model_copy(update={"samples": 20}))
    again = read_samples(tmp_path)
    assert np.array_equal(again.group, samples.group[:20])
    assert np.allclose(again.trajectory_ego, samples.trajectory_ego[:20], atol=1e-3)


def test_a_policy_that_drives_badly_gives_samples_with_the_experts_answers(tmp_path):
    tiny = SmallConfig(
        hidden=32,
        heads=2,
        key_value_heads=1,
        text_layers=1,
        text_mlp=32,
        vision_hidden=32,
        vision_heads=2,
        vision_layers=1,
        vision_mlp=32,
    )
    folder = make_checkpoint(tmp_path / "untrained", codebook=Codebook.town(size=24), size=tiny)
    out, ticks = tmp_path / "samples", Ticks()
    settings = read_settings(folder)
    with launch_simulator() as simulator, PolicyProcess(folder) as policy:
        session = SessionConfig(
            port=simulator.port,
            random_route_m=60.0,
            realtime=False,
            time_limit_s=6.0,
            traffic=TrafficConfig(count=0),
        )
        policy.wait_ready()
        drive(session, policy, KeptDrive(SampleBuffer(out, "d", 1000), settings, 5, 1), [ticks])
    samples = read_samples(out)
    assert len(samples) >= 15
    expert, rows = Expert(), {}
    for row, image in enumerate(samples.images):
        rows[image.tobytes()] = row
    matched = [(rows[one], tick) for tick in ticks.all if (one := tick.cameras["front"].image.tobytes()) in rows]
    assert {row for row, _ in matched} == set(range(len(samples)))
    assert np.diff([tick.frame for _, tick in matched]).min() >= 5
    for row, tick in matched[::5]:
        assert np.allclose(samples.trajectory_ego[row], expert.plan_trajectory(tick), atol=1e-5)
    assert (samples.depth < 255).all()
    assert (samples.classes == carla.CityObjectLabel.Roads).any(axis=(1, 2)).all()


def test_drives_of_different_rounds_share_no_route():
    config = DaggerConfig()
    seeds = [drive_of(config, number, drive).seed for number in (1, 2) for drive in range(config.drives)]
    assert len(set(seeds)) == len(seeds)


def test_drives_that_are_there_are_not_driven_again(collected, tmp_path):
    folder, _, _ = collected
    names = sorted(folder.glob(SHARD_PATTERN))
    for number, shard in enumerate(names):
        shutil.copy(shard, tmp_path / f"shard_d1n{number:04d}_0000.npz")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    config = DaggerConfig(drives=len(names), workers=1)
    collect_dagger(tmp_path, tmp_path / "no such policy", config, 1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


class Ticks:
    """A consumer that keeps every tick."""

    def __init__(self) -> None:
        self.all = []

    def consume(self, tick) -> None:
        self.all.append(tick)

    def close(self) -> None:
        """Nothing to finish."""
