"""The doctor names what is missing and what to do about it, and never crashes."""

import socket

import pytest

from app.cli.machine.checks import Level, check_carla_server, check_disk, check_displays, run_checks


def test_an_absent_server_is_a_note_with_advice():
    finding = check_carla_server("127.0.0.1", 1)
    assert finding.level is Level.NOTE
    assert "--port" in finding.advice


def test_a_listening_server_is_found():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert check_carla_server("127.0.0.1", server.getsockname()[1]).level is Level.OK


def test_a_display_that_cannot_be_opened_is_a_problem_not_a_crash(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert check_displays().level is Level.PROBLEM


def test_a_folder_that_does_not_exist_yet_is_judged_by_its_parent(tmp_path):
    assert str(tmp_path) in check_disk(tmp_path / "not" / "there").text


@pytest.mark.parametrize("port", [1, 2000])
def test_every_check_gives_a_finding_with_a_name(port, tmp_path):
    findings = run_checks("127.0.0.1", port, tmp_path)
    assert [f.name for f in findings if f.text] == [f.name for f in findings]
    assert all(f.advice for f in findings if f.level is Level.PROBLEM)
