"""The second chance: which tick the scene goes back to, and a world that is set back while it runs."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from datasets import load_from_disk

from cockpit.config import RewindConfig
from cockpit.session.second_chance import Rewinder
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from policy.vla.answer import format_answer
from policy.vla.codebook import Codebook
from policy.vla.small import make_checkpoint
from recorder.reading.reader import list_segments
from recorder.reading.verify import verify_session
from recorder.schema import Authority, Direction, EventKind, Reason, SpeedAction, TickEvent
from refine.data.pairs import build_pairs
from refine.data.preference import PairConfig
from tests.cockpit.session.fault_parts import ROUTE, SMALL, Device, FaultDrive, settings
from tests.cockpit.session.session_parts import ExpertPlanner, driver_input
from tests.cockpit.windows.window_ticks import actor, authority
from tests.cockpit.windows.window_ticks import tick as a_tick

BACK_AT, BACK_S = 45, 0.5
BACK_TICKS = round(BACK_S / 0.05)
HIT = (TickEvent(EventKind.COLLISION, "hit vehicle.audi.tt", 7, 2000.0),)


def apart_m(one, other) -> float:
    return math.dist((one.ego.pose.x, one.ego.pose.y), (other.ego.pose.x, other.ego.pose.y))


def after(ticks: int, config: RewindConfig | None = None, **last) -> Rewinder:
    rewinder = Rewinder(config or RewindConfig(), 0.05)
    for frame in range(ticks):
        rewinder.add(a_tick(frame, **(last if frame == ticks - 1 else {})))
    return rewinder


def test_the_button_goes_back_by_the_seconds_set_and_again_further():
    rewinder = after(300)
    assert rewinder.target(driver_input(rewind_pressed=True), False).frame == 199
    assert rewinder.target(driver_input(rewind_pressed=True), False) is None  # held down
    assert rewinder.target(driver_input(), False) is None
    rewinder.add(a_tick(300))
    assert rewinder.target(driver_input(rewind_pressed=True), False).frame == 100


def test_at_the_beginning_it_goes_back_to_the_beginning():
    assert after(20).target(driver_input(), True).frame == 0
    assert Rewinder(RewindConfig(), 0.05).target(driver_input(), True) is None


def test_a_collision_of_the_policy_goes_back_where_asked_and_one_of_the_drivers_does_not():
    asked = RewindConfig(on_collision=True)
    assert after(300, events=HIT).target(driver_input(), False) is None
    assert after(300, asked, events=HIT).target(driver_input(), False).frame == 199
    by_hand = {"events": HIT, "authority": authority(Authority.HUMAN, Reason.OVERRIDE_BUTTON)}
    assert after(300, asked, **by_hand).target(driver_input(), False) is None


def test_a_standstill_is_undone_where_the_car_still_moved():
    config = RewindConfig(seconds=1.0, standstill_s=2.0)
    rewinder = Rewinder(config, 0.05)
    for frame in range(100):
        rewinder.add(a_tick(frame))
    for frame in range(100, 139):
        rewinder.add(a_tick(frame, ego=actor(speed_mps=0.0)))
        assert rewinder.target(driver_input(), False) is None
    rewinder.add(a_tick(139, ego=actor(speed_mps=0.0)))
    assert rewinder.target(driver_input(), False).frame == 99


class Speaker(ExpertPlanner):
    """Its plans are whole answers in a codebook's tokens, as a VLA's are: always on at 8 m/s."""

    def __init__(self, codebook: Codebook) -> None:
        super().__init__()
        times_s = 0.5 * np.arange(1, 7)
        self._tokens = codebook.encode(np.stack([8.0 * times_s, 0 * times_s, 0 * times_s], axis=-1))
        self._path = codebook.decode(self._tokens)
        self._text = format_answer(Direction.FOLLOW_LANE, SpeedAction.KEEP, self._tokens)

    def newest_plan(self):
        plan = super().newest_plan()
        answer = {"tokens": self._tokens, "trajectory_ego": self._path, "text": self._text}
        return replace(plan, **answer) if plan is not None else None


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("policies") / "untrained", codebook=Codebook.town())


@pytest.fixture(scope="module")
def set_back(tmp_path_factory, policy):
    """A drive on the simulator in which the driver goes back by half a second in tick 45, and brakes from there."""

    def script(number: int):
        return driver_input(rewind_pressed=number == BACK_AT, brake=0.3 if number >= BACK_AT + 10 else 0.0)

    folder = tmp_path_factory.mktemp("rewind") / "session"
    with launch_simulator(rendering=False) as server:
        config = settings(server.port, rewind=RewindConfig(seconds=BACK_S))
        with set_stage(config, [SMALL], ROUTE) as stage:
            drive = FaultDrive(stage, folder, Speaker(Codebook.load(policy)), Device(script))
            return drive, drive.run(150)


def test_a_running_world_is_set_back_and_the_driver_has_it_from_there(set_back):
    drive, ticks = set_back
    back = next(n for n, tick in enumerate(ticks) if any(e.kind is EventKind.REWIND for e in tick.events))
    assert back == BACK_AT
    target, jumped = ticks[back - BACK_TICKS - 1], ticks[back]
    assert apart_m(jumped, target) < 1.0
    assert apart_m(jumped, ticks[back - 1]) > 2.0
    assert jumped.ego.speed_mps == pytest.approx(target.ego.speed_mps, abs=0.7)
    assert jumped.route.driven_m == pytest.approx(target.route.driven_m, abs=1.0)
    assert (jumped.authority.authority, jumped.authority.reason) == (Authority.HUMAN, Reason.REWIND)
    assert [event.value for event in jumped.events if event.kind is EventKind.REWIND] == [pytest.approx(BACK_S)]
    assert [tick.frame for tick in ticks] == list(range(ticks[0].frame, ticks[0].frame + len(ticks)))
    assert verify_session(drive.folder) == []
    assert [segment.reason for segment in list_segments(drive.folder)] == [Reason.REWIND]


def test_the_way_back_is_not_driven_distance(set_back):
    drive, ticks = set_back
    driven_m = sum(apart_m(one, other) for n, (one, other) in enumerate(pairwise(ticks), 1) if n != BACK_AT)
    assert list_segments(drive.folder)[0].distance_m == pytest.approx(driven_m, abs=0.5)
    assert drive.session.progress.distance_m == pytest.approx(driven_m, abs=0.5)


def test_no_pair_spans_the_jump_and_the_second_chance_gives_pairs(set_back, policy, tmp_path):
    drive, ticks = set_back
    summary = build_pairs([drive.folder], policy, tmp_path / "pairs", config=PairConfig(ordinary_share=0.0))
    frames = load_from_disk(str(tmp_path / "pairs"))["frame"]
    assert min(frames) >= ticks[BACK_AT].frame
    assert len(frames) > 3
    assert summary.skipped["set_back"] >= 10  # the frames just before, whose horizon is mostly the driver's
