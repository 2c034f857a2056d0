"""The application as its user has it, on Qt's offscreen platform: start a drive on the real simulator, watch, stop."""

from __future__ import annotations

import psutil
import pytest

from app.choices import DriverOption
from app.config import DriverChoice, RunConfig
from app.gui.setup_panel import ROLE
from app.gui.status_panel import StatusPanel
from app.run_status import Phase, RecorderStatus, RunStatus
from app.window import MainWindow, make_application
from cockpit.windows import palette
from policy.small import make_checkpoint
from recorder.reader import list_segments
from recorder.schema import Authority, DriverKind, PolicyStatus
from recorder.verify import verify_session

LONG_MS = 120_000


@pytest.fixture(scope="session")
def qapp():
    """pytest-qt's application, with our looks."""
    return make_application()


@pytest.fixture
def window(qtbot, tmp_path):
    made = MainWindow(RunConfig(policy=None, driver=DriverChoice.KEYBOARD, rig="single", out=tmp_path / "runs"))
    qtbot.addWidget(made)
    made.show()
    return made


def children():
    """Processes of ours that live now."""
    return [p for p in psutil.Process().children(recursive=True) if {"sim", "policy.worker"} & set(p.cmdline())]


def choose_driver(window, choice):
    combo = window.drive.setup.driver
    options: list[DriverOption] = [combo.itemData(index, ROLE) for index in range(combo.count())]
    combo.setCurrentIndex(next(index for index, option in enumerate(options) if option.driver is choice))


def test_a_drive_is_started_watched_stopped_and_found_among_the_recordings(qtbot, tmp_path):
    policy = make_checkpoint(tmp_path / "untrained")
    settings = RunConfig(policy=policy, driver=DriverChoice.EXPERT, rig="single", traffic=3, out=tmp_path / "runs")
    window = MainWindow(settings)
    qtbot.addWidget(window)
    window.show()
    drive = window.drive
    drive.start_button.click()
    assert not drive.setup.isEnabled()
    assert drive.stop_button.isVisible()
    qtbot.waitUntil(lambda: _takeovers(drive) > 0, timeout=LONG_MS)  # the policy knows nothing: the expert must act
    tick = drive.session.newest_tick()
    assert tick.driver.kind is DriverKind.EXPERT
    assert set(tick.cameras) == {"centre", "front"}
    assert {picture.frame for picture in tick.cameras.values()} == {tick.frame}
    qtbot.waitUntil(lambda: drive.screens.panes["centre"].frame >= tick.frame, timeout=LONG_MS)
    qtbot.waitUntil(lambda: drive.status.recorder.text("State") == "● recording", timeout=LONG_MS)
    assert drive.status.plate.who == "EXPERT"
    with qtbot.waitSignal(drive.ended, timeout=LONG_MS):
        drive.stop_button.click()
    assert "Drive over: stopped" in drive.message.text()
    assert drive.setup.isEnabled()
    assert children() == []
    (session,) = (tmp_path / "runs").iterdir()
    assert verify_session(session) == []
    assert list_segments(session)[0].driver is DriverKind.EXPERT
    window.show_page(1)
    qtbot.waitUntil(lambda: window.recordings.list.count() == 1, timeout=LONG_MS)
    assert window.recordings.view.map._tick is not None
    shown = window.recordings.view.facts.text("Who drives")
    assert shown == "Expert"


def test_a_policy_that_is_not_there_is_told_on_the_page(window, tmp_path):
    setup = window.drive.setup
    setup.policy.addItem("gone", tmp_path / "gone")
    setup.policy.setCurrentIndex(setup.policy.count() - 1)
    window.drive.start_button.click()
    assert "does not exist" in window.drive.message.text()
    assert window.drive.message.isVisible()
    assert window.drive.session is None
    assert setup.isEnabled()


def test_a_server_that_is_not_there_is_told_on_the_page(qtbot, window):
    setup = window.drive.setup
    setup.world.setCurrentText("CARLA server")
    setup.address.setText("127.0.0.1:9")
    with qtbot.waitSignal(window.drive.ended, timeout=LONG_MS):
        window.drive.start_button.click()
    assert "No CARLA server answers at 127.0.0.1:9" in window.drive.message.text()
    assert window.drive.status.plate.who == "Failed"


def test_an_address_that_is_none_is_told_on_the_page(window):
    window.drive.setup.world.setCurrentText("CARLA server")
    window.drive.setup.address.setText("localhost:http")
    window.drive.start_button.click()
    assert "write e.g. 127.0.0.1:2000" in window.drive.message.text()


def test_the_form_says_what_was_chosen(window):
    setup = window.drive.setup
    setup.seed.setValue(7)
    setup.traffic.setValue(12)
    setup.weather.setCurrentText("WetNoon")
    setup.rig.setCurrentIndex(setup.rig.findData("cave", ROLE))
    setup.record.setChecked(False)
    chosen = setup.config()
    assert (chosen.seed, chosen.traffic, chosen.weather, chosen.rig, chosen.record) == (7, 12, "WetNoon", "cave", False)
    assert chosen.driver is DriverChoice.KEYBOARD
    assert chosen.host is None


def test_every_route_that_ships_can_be_chosen_and_is_drawn(window):
    setup = window.drive.setup
    assert setup.route.count() > 4
    setup.route.setCurrentIndex(1)
    window.drive._preview()
    chosen = setup.config()
    assert chosen.route_file is not None
    assert window.drive.map._route.elementCount() > 50


def test_an_unreadable_town_is_told_where_the_map_would_be(window):
    window.drive.setup.town.setCurrentText("atlantis")
    window.drive._preview()
    assert "no town 'atlantis'" in window.drive.map._message


def test_without_recordings_the_page_says_how_to_make_one(window):
    window.show_page(1)
    assert window.recordings.empty.isVisible()
    assert "take over when the policy is wrong" in window.recordings.empty.text()


def test_a_failed_policy_and_a_failed_recorder_are_seen_at_once(qtbot, tmp_path):
    panel = StatusPanel()
    qtbot.addWidget(panel)
    status = RunStatus(
        phase=Phase.DRIVING,
        policy=PolicyStatus(alive=False, message="the policy process was killed by SIGKILL"),
        recorder=RecorderStatus(False, 2, 7, "disk full: free some space"),
        folder=tmp_path,
    )
    panel.show_status(status, None)
    assert panel.policy.text("State") == "failed"
    assert "SIGKILL" in panel.answer.text()
    assert panel.recorder.text("State") == "failed"
    assert panel.recorder.text("Lost ticks") == "7"
    assert "disk full" in panel.recorder_note.text()


def test_every_authority_has_a_colour_of_its_own():
    from cockpit.windows.instruments import TONE_OF

    colours = {palette.TONES[TONE_OF[state]].name() for state in Authority}
    assert len(colours) == len(Authority)


def _takeovers(drive):
    status = drive.session.status() if drive.session is not None else None
    assert status is None or status.phase is not Phase.FAILED, status.message
    return status.recorder.segments if status is not None and status.recorder is not None else 0
