"""The command as its users see it: help everywhere, one clear message and a nonzero exit code for their mistakes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.assets import asset
from policy.vla.small import make_checkpoint
from recorder.reading.reader import list_segments

COMMANDS = (
    ["drive"],
    ["round"],
    ["sim"],
    ["screens"],
    ["rig", "check"],
    ["rig", "pattern"],
    ["rig", "curve"],
    ["segments"],
    ["segments", "list"],
    ["segments", "show"],
    ["segments", "verify"],
    ["segments", "export"],
    ["policy", "init"],
    ["policy", "codebook"],
    ["pairs", "build"],
    ["pairs", "show"],
    ["refine", "dpo"],
    ["refine", "merge"],
    ["refine", "small"],
    ["evaluate"],
    ["report"],
    ["doctor"],
)


def takeover(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
        check=False,
    )


def assert_one_message(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """The exit code, every word in the message, and no traceback."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_every_command_explains_itself():
    from typer.testing import CliRunner

    from app.cli.main import app

    for command in COMMANDS:
        result = CliRunner().invoke(app, [*command, "--help"])
        assert result.exit_code == 0, command
        assert "Usage" in result.output


def test_a_wrong_key_in_a_rig_is_named_with_its_line(tmp_path):
    rig = tmp_path / "rig.yaml"
    text = asset("rigs", "single.yaml").read_text().replace("size_m", "size_mm", 1)
    assert "size_mm" in text
    rig.write_text(text)
    line = 1 + text[: text.index("size_mm")].count("\n")
    result = takeover("drive", "--headless", "--rig", str(rig))
    assert_one_message(result, 2, f"{rig}:{line}", "size_mm", "size_m")


def test_a_missing_rig_is_named(tmp_path):
    assert_one_message(takeover("drive", "--headless", "--rig", str(tmp_path / "no.yaml")), 2, "no.yaml")


def test_a_missing_map_ends_the_simulator_with_a_message(tmp_path):
    assert_one_message(takeover("sim", "--port", "0", "--map", str(tmp_path / "no.xodr")), 2, "no.xodr")


def test_a_missing_town_is_refused_before_anything_starts():
    assert_one_message(takeover("drive", "--headless", "--town", "atlantis"), 2, "atlantis", "millbrook")


@pytest.mark.parametrize("command", [["evaluate"], ["round", "--policy"], ["drive", "--headless", "--policy"]])
def test_a_policy_folder_without_weights_is_refused(tmp_path, command):
    result = takeover(*command, str(tmp_path), cwd_out(tmp_path))
    assert_one_message(result, 1, str(tmp_path))


def cwd_out(tmp_path: Path) -> str:
    """The option that keeps results out of the checkout."""
    return f"--out={tmp_path / 'out'}"


PILOT = Path(__file__).parents[2] / "policy" / "agents" / "stand_in" / "driven" / "pilot.py"


@pytest.mark.parametrize("command", [["drive", "--headless", "--driver", "expert", "--policy"], ["evaluate"]])
@pytest.mark.parametrize(
    ("agent", "options", "words"),
    [
        ("agent:nowhere.py", [], "no agent file nowhere.py; give agent: and the path"),
        (f"agent:{__file__}", [], "has no get_entry_point()"),
        (f"agent:{PILOT}", ["--agent-config", "none.yaml"], "no agent configuration none.yaml"),
        (f"agent:{PILOT}", ["--agent-python", "python9"], "no Python interpreter python9"),
    ],
)
def test_what_is_no_agent_is_refused_before_anything_starts(tmp_path, command, agent, options, words):
    target = ["--out", str(tmp_path / "new")]
    assert_one_message(takeover(*command, agent, *options, *target), 1, words)
    assert not (tmp_path / "new").exists()


def test_an_agent_without_the_leaderboard_package_ends_with_what_to_do(tmp_path):
    arguments = ["evaluate", f"agent:{PILOT}", "--count", "1", "--out", str(tmp_path / "new")]
    assert_one_message(takeover(*arguments), 1, "No module named 'leaderboard'", "PYTHONPATH", "--agent-python")


def test_options_of_an_agent_are_refused_for_another_policy():
    result = takeover("drive", "--agent-config", __file__)
    assert_one_message(result, 2, "set policy: agent:FILE")


def test_a_dead_server_is_named_with_what_to_do(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    result = takeover("evaluate", "expert", "--host", "127.0.0.1", "--port", port, cwd_out(tmp_path))
    assert_one_message(result, 1, port)


def test_a_folder_without_recordings_is_refused(tmp_path):
    assert_one_message(takeover("segments", "list", str(tmp_path)), 1, str(tmp_path))


def test_a_folder_without_pairs_is_refused(tmp_path):
    assert_one_message(takeover("refine", "dpo", str(tmp_path), cwd_out(tmp_path)), 1, str(tmp_path))


def test_seeds_that_are_no_numbers_are_refused(tmp_path):
    assert_one_message(takeover("evaluate", "expert", "--seeds", "a,b", cwd_out(tmp_path)), 1, "--seeds")


def test_windows_without_a_display_are_refused(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert_one_message(takeover("drive"), 1, "display")


def test_a_full_disk_is_reported_and_what_was_recorded_is_kept(small_disk, tmp_path):
    policy = make_checkpoint(tmp_path / "untrained")
    settings = tmp_path / "drive.yaml"
    settings.write_text(f"policy: {policy}\ndriver: expert\nrig: single\ntraffic: 0\ntime_limit_s: 15\n")
    result = takeover("drive", "--headless", "--config", str(settings), "--out", str(small_disk))
    assert_one_message(result, 1, "No space left", "make room")
    segments = list_segments(next(small_disk.glob("drive-*")))
    assert sum(segment.ticks for segment in segments) >= 20  # a chunk; how many more fit depends on the pictures
    assert not all(segment.complete for segment in segments)
