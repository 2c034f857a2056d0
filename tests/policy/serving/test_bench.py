"""The table of times: its parts are there, add up, and lie above the floor."""

from __future__ import annotations

import csv

import pytest
import torch
from typer.testing import CliRunner

from app.cli.main import app
from policy.serving.bench import Machine, floor_s
from policy.vla.codebook import Codebook
from policy.vla.model import Vla
from policy.vla.small import make_checkpoint
from tests.refine.train.lane_samples import TINY


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    return make_checkpoint(tmp_path_factory.mktemp("bench"), codebook=Codebook.town(size=16), size=TINY)


def test_every_batch_has_a_row_whose_parts_add_up(folder, tmp_path):
    table = tmp_path / "bench.csv"
    result = CliRunner().invoke(
        app, ["policy", "bench", str(folder), "--batches", "1,3", "--repeats", "4", "--csv", str(table)]
    )
    assert result.exit_code == 0, result.output
    with table.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["batch"]) for row in rows] == [1, 3]
    for row in rows:
        parts = [float(row[f"{name}_ms"]) for name in ("observation", "vision", "prefill", "decode")]
        assert min(parts) > 0.0
        assert sum(parts) < 1.5 * float(row["total_ms"])
        assert float(row["floor_ms"]) > 0.0


def test_a_batch_that_is_no_number_is_refused(folder):
    result = CliRunner().invoke(app, ["policy", "bench", str(folder), "--batches", "1,x"])
    assert result.exit_code == 2
    assert "1,4,16" in result.output


def test_the_floor_is_the_weights_read_once_a_pass_where_memory_bounds_it(folder):
    vla = Vla.load(folder, device="cpu")
    slow_memory = Machine(bytes_per_s=1e6, operations_per_s=1e18)
    text = sum(one.numel() for one in vla.model.model.language_model.layers.parameters())
    visual = sum(one.numel() for one in vla.model.model.visual.parameters())
    passes = 1 + vla.settings.horizon + 1
    assert floor_s(vla, 1, slow_memory) == pytest.approx(4.0 * (visual + passes * text) / 1e6)
    assert floor_s(vla, 8, slow_memory) == floor_s(vla, 1, slow_memory)
    slow_arithmetic = Machine(bytes_per_s=1e18, operations_per_s=1e6)
    assert floor_s(vla, 8, slow_arithmetic) == pytest.approx(8.0 * floor_s(vla, 1, slow_arithmetic))
