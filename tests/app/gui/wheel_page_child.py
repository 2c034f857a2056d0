"""The child of test_wheel_page.py: the window on Qt's offscreen display, and a G29 under `umockdev-wrapper`.

Scenarios turn the emulated rim and press its pedals as the page asks for it, click as the experimenter does, and print
as JSON what the page then shows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from PyQt6.QtTest import QTest

from app.config import RunConfig
from app.gui.window import WHEEL, MainWindow, make_application
from cockpit.devices import find_driver_source
from cockpit.devices.calibration import Step
from tests.cockpit.devices.emulated_wheel import ABS_RZ, ABS_X, ABS_Z, BTN_PINKIE, BTN_TOP2, EV_ABS, EV_KEY, Testbed

REST = ((EV_ABS, ABS_X, 32767), (EV_ABS, ABS_Z, 255), (EV_ABS, ABS_RZ, 255))
MOVES = {
    Step.REST: REST,
    Step.LEFT: [(EV_ABS, ABS_X, 0)],
    Step.RIGHT: [(EV_ABS, ABS_X, 65535)],
    Step.THROTTLE: [(EV_ABS, ABS_X, 32767), (EV_ABS, ABS_Z, 0), (EV_ABS, ABS_Z, 255)],
    Step.BRAKE: [(EV_ABS, ABS_RZ, 0), (EV_ABS, ABS_RZ, 255)],
    Step.TAKEOVER: [(EV_KEY, BTN_TOP2, 1), (EV_KEY, BTN_TOP2, 0)],
    Step.HAND_BACK: [(EV_KEY, BTN_PINKIE, 1), (EV_KEY, BTN_PINKIE, 0)],
}


def opened(folder: Path) -> tuple[Testbed, MainWindow]:
    """Plugs the wheel in, opens the page and begins its wizard."""
    bed = Testbed()
    bed.plug_in(folder)
    window = MainWindow(RunConfig(out=folder))
    window.show()
    window.show_page(WHEEL)
    window.wheel.begin_button.click()
    return bed, window


def do(bed: Testbed, window: MainWindow, step: Step) -> None:
    """The driver does what is asked, the experimenter presses Next."""
    for change in MOVES[step]:
        bed.send(change)
    QTest.qWait(60)
    window.wheel.next_button.click()


def whole(folder: Path) -> dict[str, Any]:
    """From the first step of the wizard to reading the wheel with the profile that it made."""
    bed, window = opened(folder)
    page, asked = window.wheel, []
    for step in MOVES:
        asked.append([page.step, page.asked.text()])
        do(bed, window, step)
    page.name.setText("My G29")
    page.save_to(folder / "devices" / "mine.yaml")
    config = window.prepare.setup.config()
    source = find_driver_source(str(config.device))
    bed.send((EV_ABS, ABS_X, 65535), (EV_ABS, ABS_Z, 0), (EV_KEY, BTN_TOP2, 1))
    QTest.qWait(100)
    driver_input = source.read(None)
    source.close()
    window.close()
    return {
        "asked": asked,
        "message": page.message.text(),
        "driver": config.driver,
        "device": config.device,
        "steer": driver_input.steer,
        "throttle": driver_input.throttle,
        "takeover": driver_input.takeover_pressed,
        "as": driver_input.device,
    }


def wrong(folder: Path) -> dict[str, Any]:
    """Next is pressed before anything was turned; the wheel is unplugged in the middle; another is plugged in."""
    bed, window = opened(folder)
    page = window.wheel
    do(bed, window, Step.REST)
    page.next_button.click()
    too_early = [page.step, page.message.text()]
    bed.unplug()
    QTest.qWait(100)
    gone = [page.step, page.message.text(), page.next_button.isVisible()]
    page.refresh_button.click()
    nobody = [page.devices.currentText(), page.begin_button.isEnabled()]
    bed.plug_in(folder, 21)
    page.refresh_button.click()
    page.begin_button.click()
    back = [page.step, page.message.text()]
    window.close()
    return {"too_early": too_early, "gone": gone, "nobody": nobody, "back": back}


if __name__ == "__main__":
    application = make_application()
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
