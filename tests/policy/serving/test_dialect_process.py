"""Policies of other dialects in their own process: pictures and words go in, plans come out, keys hold for a second."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from policy.making.initialise import init_policy
from policy.serving.bench import noise_tick
from policy.serving.process import PolicyProcess
from policy.vla.checkpoint import GenerationSettings, read_settings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.dialects.catalogue import dialect_of
from policy.vla.dialects.needs import DialectName
from recorder.schema import Pose
from refine.data.pairs import build_pairs
from refine.errors import RefineError
from tests.policy.making.qwen_models import make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("hub") / "model", "qwen2_5_vl")


def made(model, folder, dialect):
    policy = init_policy(model, folder, Codebook.town(32), image_tokens=16, dialect=dialect).folder
    write_settings(policy, read_settings(policy).model_copy(update={"reasoning_tokens": 4}))
    return policy


def ticks_of(policy, times_s):
    one = noise_tick(SimpleNamespace(settings=read_settings(policy)), 0)  # type: ignore[arg-type]
    for number, time_s in enumerate(times_s):
        pose = Pose(x=5.0 * time_s)
        yield replace(one, frame=number + 1, time_s=time_s, ego=replace(one.ego, pose=pose))


def test_two_keys_hold_for_a_second_and_their_path_is_made_anew(model, tmp_path):
    policy = made(model, tmp_path / "keys", DialectName.COREVLA)
    random = {"generation": GenerationSettings(temperature=5.0)}
    write_settings(policy, read_settings(policy).model_copy(update=random))
    with PolicyProcess(policy) as process:
        process.wait_ready()
        plans = []
        for tick in ticks_of(policy, (10.0, 10.5, 11.1)):
            process.offer(tick)
            plan = process.wait(tick.frame, 60.0)
            assert plan is not None, process.status()
            plans.append(plan)
    assert plans[0].text == plans[1].text  # it reasons at random, so that another answer has other words
    assert plans[2].text != plans[1].text
    assert plans[1].confidence == plans[0].confidence
    assert plans[0].trajectory_ego.shape == (6, 3)
    assert plans[0].tokens == ()
    spoken = dialect_of(read_settings(policy)).parse(plans[2].text)
    assert (spoken.direction, spoken.speed) == (plans[2].direction, plans[2].speed)


def test_three_cameras_and_their_past_become_ten_tokens(model, tmp_path):
    policy = made(model, tmp_path / "videos", DialectName.AUTOVLA)
    with PolicyProcess(policy) as process:
        process.wait_ready()
        for tick in ticks_of(policy, np.arange(0.0, 2.0, 0.5)):
            process.offer(tick)
            plan = process.wait(tick.frame, 60.0)
            assert plan is not None, process.status()
    assert (plan.direction, plan.speed, len(plan.tokens), plan.step_s) == (None, None, 10, 0.5)
    assert plan.trajectory_ego.shape == (10, 3)
    assert plan.text.startswith("<think>\nThis is a ")
    assert plan.prompt.startswith("The current velocity of the vehicle is 5.000 m/s")
    with pytest.raises(RefineError, match=r"the dialect 'autovla', which shows videos"):
        build_pairs([], policy, tmp_path / "pairs")
