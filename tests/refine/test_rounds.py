"""The order of a round's stages, and what each passes to the next; the stages themselves have tests of their own."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from refine import rounds
from refine.data.preference import PairConfig
from refine.rounds import OTHER, TRAIN, Drives, RefinementFolders, RoundListener, refine_policy
from refine.train.dpo import DpoConfig


@dataclass
class FakeRun:
    group: str
    session: str


class FakeEvaluation:
    def __init__(self, groups):
        self.runs = [FakeRun(group, f"sessions/{group}") for group in groups]

    def of(self, _policy, group):
        return [run for run in self.runs if run.group == group]


@pytest.fixture
def done(monkeypatch):
    """The log of the stages; each is replaced by one that only notes its arguments."""
    log = []

    def drive(policies, routes, seeds, out, **options):
        log.append(("drive", policies, sorted(routes), seeds, out))
        assert options["supervised"]
        assert options["record"]
        return FakeEvaluation(routes)

    def pair(sessions, policy, out, **_):
        log.append(("pair", sessions, policy, out))
        return SimpleNamespace(pairs=7)

    def train(pairs, policy, out, *_):
        log.append(("train", pairs, policy, out))
        return SimpleNamespace(adapter=out)

    def merge(policy, adapter, out):
        log.append(("merge", policy, adapter, out))
        out.mkdir(parents=True)

    for name, stage in {"evaluate": drive, "build_pairs": pair, "train_dpo": train, "merge_adapter": merge}.items():
        monkeypatch.setattr(rounds, name, stage)
    return log


def test_each_stage_works_on_what_the_one_before_made_and_only_training_routes_are_learnt_from(done, tmp_path):
    stages = []
    folders = RefinementFolders(*(tmp_path / name for name in ("drives", "pairs", "adapter", "policy")))
    refine_policy(
        {"before": tmp_path / "old"},
        Drives({TRAIN: [], OTHER: []}, [3], 20),
        folders,
        RoundListener(stages.append, print, print, print),
        learn_from=TRAIN,
        pairs=PairConfig(),
        dpo=DpoConfig(),
    )
    assert done == [
        ("drive", {"before": tmp_path / "old"}, [OTHER, TRAIN], [3], folders.drives),
        ("pair", [folders.drives / "sessions" / TRAIN], tmp_path / "old", folders.pairs),
        ("train", folders.pairs, tmp_path / "old", folders.adapter),
        ("merge", tmp_path / "old", folders.adapter, folders.policy),
    ]
    assert [stage.split(":")[0] for stage in stages] == ["drive", "pairs", "refine"]
