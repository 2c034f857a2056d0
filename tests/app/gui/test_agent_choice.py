"""The form's list of policies offers a leaderboard agent, with its configuration."""

from __future__ import annotations

from pathlib import Path

from app.config import DriverChoice, RunConfig
from app.gui.prepare.setup_panel import ROLE, SetupPanel
from tests.policy.agents.agent_parts import PILOT


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


def test_a_file_that_is_no_agent_is_named_on_the_page_and_not_offered(qtbot):
    panel = form(qtbot)
    before = panel.policy.count()
    panel.add_agent(__file__, None)
    assert "no get_entry_point()" in panel.driver_note.text()
    assert panel.policy.count() == before
