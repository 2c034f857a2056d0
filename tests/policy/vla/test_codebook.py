"""The action vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.vla.codebook import Codebook, CodebookError, features, segments_from_trajectories, town_segments

TOWN = Codebook.town(size=256)


def driven(speed_mps: float, curvature: float, steps: int = 6) -> np.ndarray:
    """(steps, 3) poses every half second on a circle."""
    along = speed_mps * 0.5 * np.arange(1, steps + 1)
    yaw = along * curvature
    if abs(curvature) < 1e-9:
        return np.stack([along, np.zeros(steps), yaw], axis=1)
    return np.stack([np.sin(yaw) / curvature, (1 - np.cos(yaw)) / curvature, yaw], axis=1)


def test_code_zero_stands_still():
    assert np.allclose(TOWN.decode([0, 0, 0]), 0.0)
    assert TOWN.encode(np.zeros((6, 3))) == (0,) * 6


@settings(max_examples=40)
@given(st.floats(0.0, 11.0), st.floats(-0.1, 0.1))
def test_a_decoded_plan_stays_near_the_drive_it_encodes(speed, curvature):
    curvature = float(np.clip(curvature, -3.0 / max(speed, 1.0) ** 2, 3.0 / max(speed, 1.0) ** 2))
    expected = driven(speed, curvature)
    decoded = TOWN.decode(TOWN.encode(expected))
    assert np.abs(decoded[:, 2] - expected[:, 2]).max() < 0.12
    # Each token is chosen from where the last one ended: the error does not accumulate over the plan.
    assert np.linalg.norm(decoded[:, :2] - expected[:, :2], axis=1).max() < 0.8


@given(st.lists(st.integers(0, len(TOWN) - 1), min_size=1, max_size=6))
def test_encoding_a_decoded_chain_gives_the_same_drive(tokens):
    poses = TOWN.decode(tokens)
    assert np.abs(TOWN.decode(TOWN.encode(poses)) - poses).max() < 1e-3


def test_every_fitted_motion_is_within_the_tolerance_found():
    segments = town_segments(seed=3, count=1500)
    book = Codebook.fit(segments, size=200, tolerance_m=0.02)
    apart = np.array([book.distances_m(segment).min() for segment in segments])
    assert len(book) <= 200
    assert apart.max() < 3 * np.median(apart)
    assert apart.max() < np.linalg.norm(features(book.codes[1:2]) - features(book.codes[-1:]))


def test_the_motions_of_a_trajectory_lead_along_it():
    expected = driven(7.0, 0.05)
    motions = segments_from_trajectories(expected[None])
    assert np.allclose(motions, motions[0], atol=1e-5)
    assert np.isclose(motions[0, 2], 7.0 * 0.5 * 0.05)


def test_an_unknown_token_is_an_error_and_not_a_stop():
    with pytest.raises(CodebookError, match="the codebook has 0 to"):
        TOWN.decode([len(TOWN)])


def test_a_missing_codebook_is_named(tmp_path):
    with pytest.raises(CodebookError, match=r"codebook\.npy is missing"):
        Codebook.load(tmp_path)


def test_a_saved_codebook_is_read_back(tmp_path):
    TOWN.save(tmp_path)
    assert np.array_equal(Codebook.load(tmp_path).codes, TOWN.codes)
