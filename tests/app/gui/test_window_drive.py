"""The application as its user has it, on Qt's offscreen platform: start a drive on the real simulator, watch, stop."""

from __future__ import annotations

import psutil
import pytest

from app.config import DriverChoice, RunConfig
from app.drive.run_status import Phase, RecorderStatus, RunStatus
from app.gui.common import theme
from app.gui.common.choices import DriverOption
from app.gui.common.keys import SHORTCUTS
from app.gui.common.texts import say
from app.gui.prepare.setup_panel import ROLE
from app.gui.run.status_panel import StatusPanel
from app.gui.window import AFTER, RUN, MainWindow, make_application, next_drive
from app.study.study import load_study
from cockpit.assets import asset
from cockpit.route.files import read_routes
from cockpit.windows import palette
from policy.vla.small import make_checkpoint
from recorder.reading.reader import list_segments
from recorder.reading.verify import verify_session
from recorder.schema import Authority, DriverKind, PolicyStatus
from recorder.session_log import EntryKind, read_log

LONG_MS = 280_000


@pytest.fixture(scope="session")
def qapp():
    """pytest-qt's application, with the product's theme."""
    return make_application()


@pytest.fixture
def opened(qapp):
    """Opens main windows, keeps references to them while the test runs, and closes them as their user would."""
    windows = []

    def open_window(config, study=None):
        windows.append(MainWindow(config, study))
        return windows[-1]

    yield open_window
    for window in windows:
        window.close()


@pytest.fixture
def window(opened, tmp_path):
    made = opened(RunConfig(policy=None, driver=DriverChoice.KEYBOARD, rig="single", out=tmp_path / "runs"))
    made.show()
    return made


def children():
    """The running child processes."""
    return [p for p in psutil.Process().children(recursive=True) if {"sim", "policy.serving.worker"} & set(p.cmdline())]


def choose_driver(window, choice):
    combo = window.prepare.setup.driver
    options: list[DriverOption] = [combo.itemData(index, ROLE) for index in range(combo.count())]
    combo.setCurrentIndex(next(index for index, option in enumerate(options) if option.driver is choice))


@pytest.mark.timeout(900)  # for the whole test, on a busy machine
def test_a_drive_is_started_watched_stopped_and_found_among_the_recordings(qtbot, opened, tmp_path):
    policy = make_checkpoint(tmp_path / "untrained")
    settings = RunConfig(policy=policy, driver=DriverChoice.EXPERT, rig="single", traffic=3, out=tmp_path / "runs")
    window = opened(settings)
    window.show()
    drive, run = window.drive, window.run
    window.prepare.start_button.click()
    assert not window.prepare.setup.isEnabled()
    assert run.stop_button.isVisible()
    assert run.stop_button.isEnabled()
    qtbot.waitUntil(lambda: _takeovers(drive) > 0, timeout=LONG_MS)  # the policy is untrained: the expert must act
    tick = drive.session.newest_tick()
    assert tick.driver.kind is DriverKind.EXPERT
    assert set(tick.cameras) == {"centre", "front"}
    assert {picture.frame for picture in tick.cameras.values()} == {tick.frame}
    assert window.pages.currentIndex() == RUN
    experimenter_works(qtbot, window)
    qtbot.waitUntil(lambda: drive.screens.panes["centre"].frame >= tick.frame, timeout=LONG_MS)
    qtbot.waitUntil(lambda: run.status.recorder.text("state") == "● recording", timeout=LONG_MS)
    assert run.status.plate.who == "EXPERT"
    with qtbot.waitSignal(drive.ended, timeout=LONG_MS):
        run.stop_button.click()
    assert "Drive over: stopped" in run.message.text()
    assert window.prepare.setup.isEnabled()
    assert children() == []
    (session,) = (tmp_path / "runs").iterdir()
    assert verify_session(session) == []
    assert list_segments(session)[0].driver is DriverKind.EXPERT
    entries = [(entry.kind, entry.text) for entry in read_log(session) if entry.kind is not EntryKind.EVENT]
    assert entries[:5] == [
        (EntryKind.NOTE, "looks tired"),
        (EntryKind.MARK, "hazard: dog"),
        (EntryKind.REQUEST, ""),
        (EntryKind.PAUSE, ""),
        (EntryKind.RESUME, ""),
    ]
    assert entries[-1] == (EntryKind.END, "stopped")
    window.show_page(AFTER)
    qtbot.waitUntil(lambda: window.after.list.count() == 1, timeout=LONG_MS)
    assert window.after.view.map._tick is not None
    shown = window.after.view.facts.text("who")
    assert shown == "Expert"
    assert window.after.view.measures.text("manual_s").endswith(" s")
    window.after.export_to(tmp_path / "measures.csv")
    qtbot.waitUntil(lambda: (tmp_path / "measures.csv").exists(), timeout=LONG_MS)
    header, row = (tmp_path / "measures.csv").read_text().splitlines()[:2]
    assert len(header.split(",")) == len(row.split(","))


def experimenter_works(qtbot, window):
    """Writes a note, marks, asks for a takeover, pauses and goes on, as the buttons and keys do."""
    run, session = window.run, window.drive.session
    qtbot.waitUntil(run.mark_button.isEnabled, timeout=LONG_MS)
    run.note.setText("looks tired")
    run.write_note()
    run.note.setText("hazard: dog")
    run.mark_button.click()
    run.ask_button.click()
    assert run.notes.count() == 3
    run.pause_button.click()
    qtbot.waitUntil(lambda: session.status().is_paused, timeout=LONG_MS)
    qtbot.waitUntil(lambda: run.status.plate.who == "Paused", timeout=LONG_MS)
    run.pause_button.click()
    assert not session.status().is_paused
    resumed = session.newest_tick().frame
    qtbot.waitUntil(lambda: session.newest_tick().frame > resumed + 1, timeout=LONG_MS)
    assert len(window.drive.history.columns()["time_s"]) > 2


def test_a_missing_policy_is_shown_on_the_page(window, tmp_path):
    setup = window.prepare.setup
    setup.policy.addItem("gone", tmp_path / "gone")
    setup.policy.setCurrentIndex(setup.policy.count() - 1)
    window.prepare.start_button.click()
    assert "does not exist" in window.prepare.message.text()
    assert window.prepare.message.isVisible()
    assert window.drive.session is None
    assert setup.isEnabled()


def test_a_missing_server_is_shown_on_the_page(qtbot, window):
    setup = window.prepare.setup
    setup.world.setCurrentIndex(1)
    setup.address.setText("127.0.0.1:9")
    with qtbot.waitSignal(window.drive.ended, timeout=LONG_MS):
        window.prepare.start_button.click()
    assert "No CARLA server answers at 127.0.0.1:9" in window.prepare.message.text()
    assert window.run.status.plate.who == "Failed"


def test_an_invalid_address_is_shown_on_the_page(window):
    window.prepare.setup.world.setCurrentIndex(1)
    window.prepare.setup.address.setText("localhost:http")
    window.prepare.start_button.click()
    assert "write e.g. 127.0.0.1:2000" in window.prepare.message.text()


def test_the_form_says_what_was_chosen(window):
    setup = window.prepare.setup
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
    setup = window.prepare.setup
    assert setup.route.count() > 4
    setup.route.setCurrentIndex(1)
    window.prepare.preview()
    chosen = setup.config()
    assert chosen.route_file is not None
    assert window.prepare.map._route.elementCount() > 50


def test_an_unreadable_town_is_reported_where_the_map_would_be(window):
    window.prepare.setup.town.setCurrentText("atlantis")
    window.prepare.preview()
    assert "no town 'atlantis'" in window.prepare.map._message


def test_without_recordings_the_page_says_how_to_make_one(window):
    window.show_page(AFTER)
    assert window.after.empty.isVisible()
    assert "take over when the policy is wrong" in window.after.empty.text()


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
    assert panel.policy.text("state") == "failed"
    assert "SIGKILL" in panel.answer.text()
    assert panel.recorder.text("state") == "failed"
    assert panel.recorder.text("lost") == "7"
    assert "disk full" in panel.recorder_note.text()


def test_every_authority_has_a_colour_of_its_own():
    from cockpit.windows.instruments import TONE_OF

    colours = {palette.TONES[TONE_OF[state]].name() for state in Authority}
    assert len(colours) == len(Authority)


def test_a_study_s_file_fills_the_form_and_the_form_gives_the_same_study_back(qtbot, opened, tmp_path):
    asked = load_study(asset("studies", "handover.yaml"))
    drive = asked.drive.model_copy(update={"out": tmp_path, "driver": DriverChoice.KEYBOARD})
    study = asked.model_copy(update={"drive": drive, "participant": "p02", "consent": True})
    window = opened(drive, study)
    window.prepare.preview()
    config, trial = window.prepare.chosen()
    assert (trial.condition.name, trial.number, config.traffic, config.driver_id) == ("busy", 1, 40, "p02")
    assert "busy" in window.prepare.start_button.text()
    shown = window.prepare.study.value(window.prepare.setup.config())
    filled_in = {"town": "millbrook"}  # the form names the default town
    assert shown == study.model_copy(update={"drive": drive.model_copy(update=filled_in)})


def test_a_name_for_a_participant_is_refused_and_another_code_must_consent_anew(qtbot, opened, tmp_path):
    window = opened(RunConfig(out=tmp_path), load_study(asset("studies", "expert_demo.yaml")))
    panel = window.prepare.study
    assert panel.consent.isChecked()
    panel.participant.clear()
    qtbot.keyClicks(panel.participant, "Jane")
    window.prepare.preview()
    assert "looks like a name" in panel.problem.text()
    assert not panel.consent.isChecked()
    window.start()
    assert window.drive.session is None
    assert "looks like a name" in window.prepare.message.text()


def test_after_a_drive_comes_the_next_route_or_seed():
    assert next_drive(RunConfig(seed=4)).seed == 5
    routes = asset("routes", "millbrook_test.xml")
    names = [route.route_id for route in read_routes(routes)]
    second = next_drive(RunConfig(route_file=routes))
    assert second.route_id == names[1]
    last = RunConfig(route_file=routes, route_id=names[-1])
    assert next_drive(last).route_id == names[0]


@pytest.mark.parametrize(
    ("size", "scale"), [((1366, 768), 1.0), ((1920, 1080), 1.25), ((3840, 2160), 2.5), ((11520, 2160), 2.5)]
)
def test_everything_is_as_large_as_the_display_allows(size, scale):
    assert theme.scale_for(*size) == scale


@pytest.mark.parametrize(("size", "scale"), [((1366, 768), 1.0), ((2000, 1260), 1.5), ((3840, 2160), 2.5)])
def test_no_page_asks_for_more_than_the_display_has(qtbot, opened, tmp_path, size, scale):
    theme.set_scale(scale)
    try:
        window = opened(RunConfig(out=tmp_path), load_study(asset("studies", "handover.yaml")))
        window.show_page(AFTER)
        least = window.minimumSizeHint()
        assert least.width() <= size[0]
        assert least.height() <= size[1]
        window.show_page(RUN)
        window.show()
        low = round(0.68 * size[1])  # the driver's panes lie above it
        qtbot.waitUntil(lambda: window.resize(size[0], low) is None and window.height() == low)
    finally:
        theme.set_scale(1.0)


def test_every_key_has_words_and_no_key_does_two_things():
    assert len(set(SHORTCUTS.values())) == len(SHORTCUTS)
    assert all(say(f"keys.{name}") for name in SHORTCUTS)


def _takeovers(drive):
    status = drive.session.status() if drive.session is not None else None
    assert status is None or status.phase is not Phase.FAILED, status.message
    return status.recorder.segments if status is not None and status.recorder is not None else 0
