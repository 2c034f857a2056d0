"""One policy process that serves several sessions, with a real (tiny, untrained) model."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from policy.serving.process import PolicyProcess
from policy.serving.shared import SharedPolicy
from policy.vla.checkpoint import CheckpointError
from policy.vla.codebook import Codebook
from policy.vla.small import make_checkpoint
from tests.policy.serving.test_policy_process import TINY, tick_with_picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    return make_checkpoint(tmp_path_factory.mktemp("tiny"), codebook=Codebook.town(size=24), size=TINY)


def plans_of(policy: PolicyProcess, frames: range) -> list[tuple]:
    plans = []
    for frame in frames:
        policy.offer(tick_with_picture(frame))
        plan = policy.wait(frame, 60.0)
        assert plan is not None, policy.status().message
        plans.append((plan.frame, plan.tokens, plan.text, plan.prompt))
    return plans


def test_four_sessions_get_their_own_answers_the_same_as_from_a_process_of_their_own(folder):
    shares = [range(100 * number, 100 * number + 8) for number in range(4)]
    with PolicyProcess(folder, device="cpu") as own:
        own.wait_ready()
        alone = [plans_of(own, share) for share in shares]
    with SharedPolicy(folder, device="cpu") as shared:
        sessions = [PolicyProcess(folder, shared=shared.address) for _ in shares]
        for session in sessions:
            session.wait_ready()
        with ThreadPoolExecutor(len(sessions)) as pool:
            together = list(pool.map(plans_of, sessions, shares))
        for session in sessions:
            session.close()
    assert together == alone


def test_a_session_that_leaves_does_not_end_the_others(folder):
    with SharedPolicy(folder, device="cpu") as shared:
        first, second = (PolicyProcess(folder, shared=shared.address) for _ in range(2))
        with second:
            first.wait_ready()
            second.wait_ready()
            first.offer(tick_with_picture(1))
            first.close()
            assert len(plans_of(second, range(10, 14))) == 4


def test_a_shared_process_that_is_killed_is_every_sessions_fault(folder):
    with SharedPolicy(folder, device="cpu") as shared, PolicyProcess(folder, shared=shared.address) as session:
        session.wait_ready()
        os.kill(shared.pid, signal.SIGKILL)
        assert session.wait(5, 30.0) is None
        session.offer(tick_with_picture(5))
        assert session.wait(5, 30.0) is None
        assert "the shared policy process has ended" in session.status().message


def test_a_folder_without_a_policy_is_refused(tmp_path):
    with pytest.raises(CheckpointError):
        SharedPolicy(tmp_path)
