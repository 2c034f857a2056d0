"""`takeover policy` and what every command says of folders, pickles and adapters that it cannot use."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli.main import main
from policy.making.k_disk import contour, town_codebook
from policy.vla.checkpoint import CameraSettings, PolicySettings, read_settings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.small import make_checkpoint
from tests.refine.data.takeover_sessions import braking_drive, record, tiny_policy


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def takeover(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: exit code, output and messages."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["takeover", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    return record(tmp_path_factory.mktemp("recorded") / "s", braking_drive(town_codebook(100)))


def without_settings(policy: Path, folder: Path) -> Path:
    """The folder as it was before it became a policy: a plain model."""
    shutil.copytree(policy, folder)
    (folder / "policy.json").unlink()
    return folder


def without_tokens(policy: Path, folder: Path) -> Path:
    """A model with a `policy.json` put there by hand."""
    shutil.copytree(policy, folder)
    file = folder / "tokenizer.json"
    file.write_text(file.read_text().replace("<act_", "<art_"))
    return folder


@pytest.mark.parametrize("spoil", [without_settings, without_tokens])
@pytest.mark.parametrize(
    "command",
    [
        ["drive", "--headless", "--policy", "{policy}"],
        ["evaluate", "{policy}"],
        ["pairs", "build", "{session}", "--policy", "{policy}"],
        ["refine", "dpo", "{session}", "--policy", "{policy}"],
        ["refine", "merge", "{session}", "--policy", "{policy}"],
        ["round", "--policy", "{policy}"],
    ],
    ids=lambda command: "-".join(command[:2]),
)
def test_a_folder_without_action_tokens_is_refused_by_every_command(takeover, session, tmp_path, command, spoil):
    policy = spoil(tiny_policy(tmp_path / "policy"), tmp_path / "spoilt")
    words = [word.format(policy=policy, session=session) for word in command]
    code, _, said = takeover(*words, "--out", tmp_path / "out")
    assert code == 1
    assert f"takeover policy init {policy} --out FOLDER" in said
    assert not list((tmp_path / "out").glob("*"))


def test_a_name_on_the_hub_is_no_policy(takeover, tmp_path):
    name = "Qwen/Qwen2.5-VL-3B-Instruct"
    code, _, said = takeover("evaluate", name, "--out", tmp_path / "out")
    assert (code, f"takeover policy init {name} --out FOLDER" in said) == (1, True)


def test_init_makes_a_folder_that_other_commands_take(takeover, qwen_policy, session, tmp_path):
    model = qwen_policy("qwen3_vl").parent / "model"
    code, printed, _ = takeover("policy", "init", model, "--out", tmp_path / "p", "--codes", "100")
    assert code == 0
    assert "Qwen3-VL, 100 action tokens" in printed
    assert "front 512x256: 128 tokens" in printed
    code, _, _ = takeover("pairs", "build", session, "--policy", tmp_path / "p", "--out", tmp_path / "pairs")
    assert code == 0


def test_cameras_are_named_and_turned_and_each_is_cut_into_whole_patches(takeover, qwen_policy, tmp_path):
    model = qwen_policy("qwen2_5_vl").parent / "model"
    words = ("policy", "init", model, "--out", tmp_path / "p", "--codes", "100", "--cameras")
    code, _, said = takeover(*words, "front,left:-60")
    assert (code, "the others 'policy_...'" in said) == (2, True), said
    assert takeover(*words, "front:east")[0] == 2
    code, printed, _ = takeover(*words, "front,policy_left:-60", "--image-tokens", 32)
    assert (code, "front 224x112, policy_left 224x112: 64 tokens" in printed) == (0, True), printed
    assert [one.yaw_deg for one in read_settings(tmp_path / "p").cameras.values()] == [0.0, -60.0]


def test_a_dialect_brings_its_own_cameras_and_is_named(takeover, qwen_policy, tmp_path):
    model = qwen_policy("qwen2_5_vl").parent / "model"
    words = ("policy", "init", model, "--out", tmp_path / "p", "--codes", "50", "--image-tokens", 32, "--dialect")
    assert takeover(*words, "klingon")[0] == 2
    code, _, said = takeover(*words, "autovla", "--cameras", "front")
    assert (code, "policy_left, policy_right is missing" in said) == (1, True), said
    code, printed, _ = takeover(*words, "autovla")
    assert (code, "dialect autovla" in printed, "policy_right" in printed) == (0, True, True), printed
    assert read_settings(tmp_path / "p").reasoning_tokens == 400


def test_a_camera_that_a_recording_lacks_is_named(takeover, session, tmp_path):
    policy = make_checkpoint(tmp_path / "policy", codebook=town_codebook(100))
    two = {"front": CameraSettings(), "policy_left": CameraSettings(yaw_deg=-60.0)}
    write_settings(policy, PolicySettings(name="two", cameras=two))
    code, _, said = takeover("pairs", "build", session, "--policy", policy, "--out", tmp_path / "pairs")
    assert (code, "policy_left" in said) == (1, True), said


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "is no model's folder and no name on the hub"),
        (lambda folder: make_file(folder / "config.json", '{"model_type": "llama"}'), "is a llama"),
        (tiny_policy, "is a policy already"),
    ],
)
def test_init_names_what_it_cannot_use(takeover, tmp_path, make, words):
    make(tmp_path / "model")
    code, _, said = takeover("policy", "init", tmp_path / "model", "--out", tmp_path / "p", "--codes", "8")
    assert (code, words in said) == (1, True), said
    assert not (tmp_path / "p").exists()


def make_file(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)


def test_codes_and_a_codebook_are_one_too_many(takeover, tmp_path):
    code, _, said = takeover("policy", "init", tmp_path, "--out", tmp_path / "p", "--codes", "8", "--codebook", "c.npy")
    assert (code, "one of --codes and --codebook" in said) == (2, True)
    code, _, said = takeover("policy", "init", tmp_path, "--out", tmp_path / "p", "--codebook", tmp_path / "c.npy")
    assert (code, "c.npy is missing" in said) == (1, True)


def test_a_codebook_of_driving_is_measured_and_written(takeover, session, tmp_path):
    file = tmp_path / "codes.npy"
    code, printed, _ = takeover("policy", "codebook", session, "--codes", 200, "--out", file)
    assert code == 0
    book = Codebook.load(tmp_path, "codes.npy")
    assert 20 < len(book) <= 200
    assert not book.codes[0].any()
    lines = {line.split("  ")[0]: line.split() for line in printed.splitlines()}
    assert float(lines["all"][2]) <= 0.05
    assert float(lines["all"][3]) <= 0.1
    assert f"codebook: {file} ({len(book)} codes)" in printed
    code, _, said = takeover("policy", "codebook", session, "--out", file)
    assert (code, "exists" in said) == (1, True)


def test_a_codebook_of_nothing_is_refused(takeover, tmp_path):
    assert takeover("policy", "codebook", "--out", tmp_path / "c.npy")[0] == 2
    code, _, said = takeover("policy", "codebook", tmp_path, "--out", tmp_path / "c.npy")
    assert (code, "holds no recorded session" in said) == (1, True)


class Evil:
    """What a pickle may do to whoever reads it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.file),)


def test_autovlas_pickle_is_converted_and_a_malicious_one_does_nothing(takeover, session, tmp_path):
    book = town_codebook(64)
    mirrored = book.codes * (1, -1, -1)  # AutoVLA's y is to the left
    corners = contour(mirrored)[:, [1, 0, 3, 2]]
    array = np.stack([contour(np.zeros_like(mirrored))[:, [1, 0, 3, 2]]] * 5 + [corners], axis=1).astype(np.float32)
    (tmp_path / "good.pkl").write_bytes(pickle.dumps({"token_all": {"veh": array}}))
    words = ("policy", "codebook", session, "--from-autovla")
    code, printed, _ = takeover(*words, tmp_path / "good.pkl", "--out", tmp_path / "good.npy")
    assert (code, "all" in printed) == (0, True)
    assert np.abs(Codebook.load(tmp_path, "good.npy").codes - book.codes).max() < 1e-5
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"token_all": {"veh": [array, Evil(tmp_path / "owned")]}}))
    code, _, said = takeover(*words, tmp_path / "evil.pkl", "--out", tmp_path / "evil.npy")
    assert (code, "the pickle asks for posix.mkdir; only numpy arrays are read" in said) == (1, True), said
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "evil.npy").exists()


def test_an_adapter_for_another_policy_is_refused(takeover, tmp_path):
    ours, other = tiny_policy(tmp_path / "ours"), tiny_policy(tmp_path / "other", seed=1)
    from policy.vla.adapter import write_base

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    write_base(adapter, ours)
    for command in (["refine", "merge", adapter], ["drive", "--headless", "--driver", "none", "--adapter", adapter]):
        code, _, said = takeover(*command, "--policy", other, "--out", tmp_path / "out")
        assert (code, "was trained on top of another policy ('ours'" in said) == (1, True), said
    code, _, said = takeover("refine", "merge", tmp_path, "--policy", ours, "--out", tmp_path / "out")
    assert (code, "holds no adapter" in said) == (1, True)


def test_a_damaged_codebook_is_one_message(takeover, tmp_path):
    policy = make_checkpoint(tmp_path / "policy", codebook=Codebook.town(8))
    (policy / "codebook.npy").write_bytes(b"nothing of the kind")
    code, _, said = takeover("evaluate", policy, "--out", tmp_path / "out")
    assert (code, "codebook.npy cannot be read" in said) == (1, True)
