"""The form's list of policies offers folders, leaderboard agents and servers, and says what each needs."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QPushButton

from app.config import DriverChoice, RunConfig
from app.gui.prepare.setup_panel import ROLE, SetupPanel
from policy.vla.codebook import Codebook
from policy.vla.small import make_checkpoint
from tests.policy.agents.agent_parts import PILOT
from tests.refine.train.lane_samples import TINY


def form(qtbot, **settings) -> SetupPanel:
    panel = SetupPanel(RunConfig(rig="single", driver=DriverChoice.KEYBOARD, **settings))
    qtbot.addWidget(panel)
    return panel


def test_an_agent_that_was_opened_is_driven_with_its_configuration(qtbot, tmp_path):
    panel, config = form(qtbot), tmp_path / "orders.json"
    config.write_text("{}", encoding="utf-8")
    panel.add_agent(str(PILOT), str(config))
    assert panel.policy.currentText() == "pilot (leaderboard agent)"
    made = panel.config()
    source = made.policy_source()
    assert (source.file, source.config) == (PILOT, config)
    panel.refresh()
    assert panel.config() == made


def test_another_policy_leaves_the_agents_settings_away(qtbot, tmp_path):
    panel = form(qtbot, policy=f"agent:{PILOT}", agent_config=tmp_path, agent_python=Path("python3"))
    assert panel.policy.currentText() == "pilot (leaderboard agent)"
    assert panel.config().agent_config == tmp_path
    panel.policy.setCurrentIndex(panel.policy.count() - 1)
    made = panel.config()
    assert (made.agent_config, made.agent_python) == (None, None)
    assert made.policy == panel.policy.currentData(ROLE)


def test_a_server_from_the_settings_is_offered_by_its_address(qtbot):
    panel = form(qtbot, policy="grpc://planner.lab:50051")
    assert panel.policy.currentText() == "planner.lab:50051 (egodriver server)"
    assert str(panel.config().policy_source()) == "grpc://planner.lab:50051"
    assert "must be running" in panel.policy_note.text()


def test_a_file_that_is_no_agent_is_named_on_the_page_and_not_offered(qtbot):
    panel = form(qtbot)
    before = panel.policy.count()
    panel.add_agent(__file__, None)
    assert "no get_entry_point()" in panel.policy_note.text()
    assert panel.policy.count() == before


def test_every_kind_of_policy_can_be_opened(qtbot):
    panel = form(qtbot)
    menus = [one.menu() for one in panel.findChildren(QPushButton) if one.menu() is not None]
    assert [action.text() for menu in menus for action in menu.actions()] == [
        "Policy's folder…",
        "Leaderboard agent…",
        "Egodriver server…",
        "Model of the Hugging Face hub…",
    ]


def test_a_folder_that_was_opened_is_chosen_and_its_dialect_and_cameras_are_named(qtbot, tmp_path):
    panel = form(qtbot)
    folder = make_checkpoint(tmp_path / "mine", codebook=Codebook.town(16), size=TINY)
    panel.add_policy(folder)
    assert panel.config().policy == folder
    assert panel.policy_note.text() == "Dialect takeover; looks through front 192x96."
    panel.refresh()
    assert panel.config().policy == folder


def test_a_server_that_was_opened_is_chosen(qtbot):
    panel = form(qtbot)
    panel.add_policy(Path("grpc://127.0.0.1:50051"))
    assert str(panel.config().policy_source()) == "grpc://127.0.0.1:50051"
    panel.policy.setCurrentIndex(0)
    assert panel.policy_note.text() == ""


def test_what_is_no_policy_yet_is_told_how_to_become_one_and_not_offered(qtbot, tmp_path):
    panel = form(qtbot)
    before = panel.policy.count()
    for wrong, words in (
        ("Qwen/Qwen2.5-VL-3B-Instruct", "takeover policy init Qwen/Qwen2.5-VL-3B-Instruct --out FOLDER"),
        (str(tmp_path), "is not a complete checkpoint"),
        ("grpc://nowhere", "write grpc://HOST:PORT"),
    ):
        panel.add_policy(Path(wrong))
        assert words in panel.policy_note.text()
        assert panel.policy.count() == before
