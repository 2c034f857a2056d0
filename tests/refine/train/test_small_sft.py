"""Training the small policy: it learns, its forward pass is the model's own, a kill leaves a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from policy.vla.checkpoint import CameraSettings, PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.model import Vla
from policy.vla.small import make_checkpoint
from recorder.schema import RouteCommand
from refine.data.samples import COMMANDS, Samples, read_samples, write_shard
from refine.errors import RefineError
from refine.train.lesson import held_out_rows, make_lesson
from refine.train.small_losses import soft_targets
from refine.train.small_sft import make_forward, save_checkpoint, train_small
from tests.refine.train.lane_samples import FAST, TINY, lane_samples


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_shard(folder / "shard_a.npz", lane_samples(60, 0))
    write_shard(folder / "shard_b.npz", lane_samples(36, 1))
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> tuple[Path, list[float]]:
    losses = []
    out = train_small(data, tmp_path_factory.mktemp("out") / "tiny", FAST, lambda step: losses.append(step.loss))
    return out, losses


def test_a_tiny_model_learns_to_turn_to_the_bright_side(trained):
    folder, losses = trained
    assert np.mean(losses[-5:]) < 0.25 * np.mean(losses[:5])
    vla = Vla.load(folder, device="cpu")
    unseen = lane_samples(12, 7)
    ends = [vla.trajectory(vla.answer([image], str(unseen.prompt[0])).tokens)[-1] for image in unseen.images]
    assert [np.sign(end[1]) for end in ends] == list(np.sign(unseen.trajectory_ego[:, -1, 1]))


def test_the_weights_on_disk_are_half_precision_and_load_as_a_whole_checkpoint(trained):
    from safetensors import safe_open

    folder, _ = trained
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert not list(folder.parent.glob("*.partial"))


def test_training_goes_on_from_a_checkpoint_with_its_own_codebook(trained, data, tmp_path):
    folder, losses = trained
    again = []
    config = FAST.model_copy(update={"steps": 3, "start_from": folder, "learning_rate": 1e-4})
    out = train_small(data, tmp_path / "more", config, lambda step: again.append(step.loss))
    assert np.mean(again) < 0.5 * np.mean(losses[:5])
    assert np.array_equal(Codebook.load(out).codes, Codebook.load(folder).codes)


def test_the_batched_forward_pass_is_the_models_own(tmp_path):
    torch.set_num_threads(1)
    vla = Vla.load(make_checkpoint(tmp_path / "ck", codebook=Codebook.town(size=16), size=TINY), device="cpu")
    samples = lane_samples(3)
    samples.command[:] = [COMMANDS.index(RouteCommand.LEFT), 0, COMMANDS.index(RouteCommand.RIGHT)]
    samples.command_distance_m[0] = 10.0
    lesson = make_lesson(vla, samples)
    forward = make_forward(vla, lesson)
    ones = torch.ones(3, 1, 3)
    places = torch.arange(lesson.ids.shape[1]).expand(3, -1)
    with torch.no_grad():
        ours = forward(lesson.images, lesson.ids, places, ones, torch.zeros_like(ones))
        for row, prompt in enumerate(samples.prompt.tolist()):
            inputs = vla.inputs([samples.images[row]], prompt)
            start = int(lesson.starts[row])
            assert inputs["input_ids"][0].tolist() == lesson.ids[row, :start].tolist()
            theirs = vla.model(**inputs).logits[0]
            assert torch.allclose(theirs, ours[row, :start], atol=1e-4)


def test_targets_fall_off_with_the_distance_between_motions():
    book = Codebook.town(size=64)
    soft = soft_targets(book, 0.1)
    assert torch.allclose(soft.sum(1), torch.ones(len(book)))
    assert (soft.argmax(1) == torch.arange(len(book))).all()
    order = np.argsort(book.distances_m(book.codes[10]))
    assert (np.diff(soft[10].numpy()[order]) <= 1e-7).all()
    assert torch.equal(soft_targets(book, 0.0), torch.eye(len(book)))


def test_whole_groups_are_held_out_and_the_same_ones_each_time():
    samples = lane_samples(400)
    samples.group[:] = np.arange(400) // 4 * 7919
    held = held_out_rows(samples, 0.2)
    assert (held.reshape(-1, 4).all(1) | ~held.reshape(-1, 4).any(1)).all()
    assert 0.1 < held.mean() < 0.3
    assert (held == held_out_rows(samples, 0.2)).all()


def test_saving_replaces_the_weights_in_one_step(trained, tmp_path):
    vla = Vla.load(trained[0], device="cpu")
    settings = PolicySettings(camera=CameraSettings())
    folder = make_checkpoint(tmp_path / "ck", codebook=Codebook.town(size=8), settings=settings, size=TINY)
    before = (folder / "model.safetensors").stat().st_ino
    save_checkpoint(vla, folder)
    assert (folder / "model.safetensors").stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == ["ck"]


def test_pictures_of_another_camera_are_refused(data, tmp_path):
    samples = read_samples(data)
    small = Samples(
        **{**{n: getattr(samples, n) for n in samples.__dataclass_fields__}, "images": samples.images[:, ::2]}
    )
    write_shard(tmp_path / "shard_a.npz", small)
    with pytest.raises(RefineError, match=r"192x48.*192x96"):
        train_small(tmp_path, tmp_path / "out", FAST)


def test_a_folder_without_samples_says_what_to_do(tmp_path):
    with pytest.raises(RefineError, match="collect some first"):
        read_samples(tmp_path)


def test_a_broken_shard_is_named(tmp_path):
    (tmp_path / "shard_a.npz").write_bytes(b"not a shard")
    with pytest.raises(RefineError, match=r"shard_a\.npz is not a shard"):
        read_samples(tmp_path)
