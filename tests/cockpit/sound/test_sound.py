"""The loudness of each sound in a tick, and that it plays on SDL's dummy sound device."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cockpit.config import ArbitrationConfig
from cockpit.sound import car as sound
from cockpit.sound.car import CarSound, Loudness, SoundConfig, engine_hz, engine_mix, loudness_from_tick
from recorder.schema import Authority, Control, EventKind, Reason, TickEvent
from tests.cockpit.windows.window_ticks import actor, authority
from tests.cockpit.windows.window_ticks import tick as a_tick

ASKING = dataclasses.replace(authority(Authority.REQUESTED, Reason.PLAN_STALE), since_time_s=1.0)


def loudness(config: SoundConfig | None = None, **changes) -> Loudness:
    return loudness_from_tick(a_tick(**changes), config or SoundConfig(), ArbitrationConfig())


def test_the_engine_rises_with_speed_and_load_and_falls_when_the_gear_changes():
    assert engine_hz(6.0, 0.3) > engine_hz(2.0, 0.3)
    assert engine_hz(6.0, 1.0) > engine_hz(6.0, 0.0)
    assert engine_hz(8.1, 0.3) < engine_hz(7.9, 0.3)
    assert sound.ENGINE_HZ[0] <= engine_hz(0.0, 0.0) <= engine_hz(60.0, 1.0) <= sound.ENGINE_HZ[-1]


def test_between_two_loops_the_power_stays_the_same():
    for hz in np.linspace(28.0, 142.0, 50):
        assert sum(volume**2 for volume in engine_mix(float(hz), 0.7)) == pytest.approx(0.49)


def test_wind_and_tyres_grow_with_speed_and_a_bend_squeals():
    slow, fast = loudness(ego=actor(speed_mps=5.0)), loudness(ego=actor(speed_mps=30.0))
    assert slow.wind < fast.wind
    assert slow.tyres < fast.tyres
    assert slow.squeal == 0.0
    assert loudness(ego=dataclasses.replace(actor(), acceleration_mps2=(0.0, 8.0, 0.0))).squeal > 0.5


def test_a_hit_is_as_loud_as_it_is_hard():
    light, hard = (loudness(events=(TickEvent(EventKind.COLLISION, "hit", 2, ns),)).hit for ns in (800.0, 9000.0))
    assert 0.0 < light < hard == 1.0


def test_the_voice_joins_the_chime_when_nobody_answers():
    assert not loudness(frame=40, authority=ASKING).speaks
    assert loudness(frame=60, authority=ASKING).speaks
    assert not loudness(frame=60).speaks


@pytest.mark.parametrize("switch", ["engine", "tyres", "wind", "collision", "voice"])
def test_each_sound_has_a_switch(switch):
    loud = {
        "frame": 60,
        "authority": ASKING,
        "control": Control(throttle=1.0),
        "ego": dataclasses.replace(actor(speed_mps=30.0), acceleration_mps2=(0.0, 8.0, 0.0)),
        "events": (TickEvent(EventKind.COLLISION, "hit", 2, 5000.0),),
    }
    on, off = loudness(**loud), loudness(SoundConfig(**{switch: False}), **loud)
    parts = {
        "engine": lambda it: max(it.engine),
        "tyres": lambda it: it.tyres + it.squeal,
        "wind": lambda it: it.wind,
        "collision": lambda it: it.hit,
        "voice": lambda it: it.speaks,
    }
    assert parts[switch](on) > 0
    assert parts[switch](off) == 0
    assert all(parts[other](off) == parts[other](on) for other in parts if other != switch)


def test_loops_have_no_seam_and_stay_in_range():
    rng = np.random.default_rng(1)
    for loop in (sound.engine_loop(63.0, rng), sound.noise_loop(60.0, 900.0, rng)):
        assert np.abs(loop).max() <= 1.0
        steps = np.abs(np.diff(loop))
        assert abs(loop[0] - loop[-1]) <= 3.0 * steps.max()


def test_it_plays_on_a_dummy_device_and_closes_twice():
    car = CarSound()
    assert car.is_audible
    for frame in range(5):
        car.consume(a_tick(frame, events=(TickEvent(EventKind.COLLISION, "hit", 2, 5000.0),), authority=ASKING))
    car.close()
    car.close()
    car.consume(a_tick())
