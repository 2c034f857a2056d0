"""A G29 with a motor below python-evdev: umockdev's testbed whose ioctls and writes are answered here.

`emulated_wheel` replays recorded ioctls, which knows no force feedback. Here a handler of our own answers every ioctl
from the same recording, keeps what is uploaded and played with its time (CLOCK_MONOTONIC), and lets the wheel be
unplugged and plugged in again. The handler needs the interpreter while the program under test waits in an ioctl, so
that program is a process of its own: `emulated_motor_driver.py`. Run under `umockdev-wrapper`; prints JSON.
"""

from __future__ import annotations

import ctypes
import json
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.cockpit.devices.emulated_wheel import ABS_RZ, ABS_X, ABS_Z, DATA, EV_ABS, EV_KEY, Testbed, moved

GVERSION, GID, GNAME, GPHYS, GUNIQ, GPROP = 0x01, 0x02, 0x06, 0x07, 0x08, 0x09
GBIT, GABS, SFF, RMFF, GEFFECTS, GRAB = 0x20, 0x40, 0x80, 0x81, 0x84, 0x90
FF_EFFECT_BYTES = 48
DATA_AT, LENGTH_AT = 24, 32
"""Where `UMockdevIoctlData` keeps its bytes and their number."""
EVENT = struct.Struct("llHHi")
BUTTONS = [*range(0x120, 0x130), *range(0x2C0, 0x2C9)]
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class MotorTestbed(Testbed):
    """umockdev's testbed with a G29 that records what its motor is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[Any]] = []
        """["upload", time, level, direction, length in ms], ["play", time, code, value], ["erase", time]."""
        self._gobject = ctypes.CDLL("libgobject-2.0.so.0")
        for name in ("ioctl_base_new", "ioctl_client_get_arg", "ioctl_data_resolve"):
            getattr(self._library, f"umockdev_{name}").restype = ctypes.c_void_p
        self._library.umockdev_ioctl_client_get_request.restype = ctypes.c_ulong
        self._recorded = _recorded_answers()
        self._callbacks = {b"handle-ioctl": _CALLBACK(self._on_ioctl), b"handle-write": _CALLBACK(self._on_write)}

    def plug_in(self, folder: Path, number: int = 20) -> None:
        self._number = number
        self._call("add_from_file", self._renumbered("g29.umockdev", folder))
        handler = ctypes.c_void_p(self._library.umockdev_ioctl_base_new())
        connect = self._gobject.g_signal_connect_data
        connect.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _CALLBACK, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        for name, callback in self._callbacks.items():
            connect(handler, name, callback, None, None, 0)
        error = ctypes.c_void_p()
        node = self.node.encode()
        assert self._library.umockdev_testbed_attach_ioctl(self._bed, node, handler, ctypes.byref(error))

    def _on_ioctl(self, _base: int, client: int, _data: int) -> int:
        request = self._library.umockdev_ioctl_client_get_request(ctypes.c_void_p(client))
        number, size = request & 0xFF, (request >> 16) & 0x3FFF
        argument = self._library.umockdev_ioctl_client_get_arg(ctypes.c_void_p(client))
        if number == GRAB:
            return self._answer(client, 0)
        if number == RMFF:
            self.seen.append(["erase", time.monotonic()])
            return self._answer(client, 0)
        data = self._resolved(argument, size)
        if number == SFF:
            return self._upload(client, data)
        answer = self._recorded.get((number, size)) or self._recorded.get((number, 0))
        if answer is None:
            return self._answer(client, -1, 22)
        result, content = answer
        ctypes.memmove(data, content, min(len(content), size))
        return self._answer(client, result)

    def _upload(self, client: int, data: int) -> int:
        effect = bytearray(ctypes.string_at(data, FF_EFFECT_BYTES))
        _, effect_id, direction = struct.unpack_from("<HhH", effect, 0)
        (length,) = struct.unpack_from("<H", effect, 10)
        (level,) = struct.unpack_from("<h", effect, 16)
        self.seen.append(["upload", time.monotonic(), level, direction, length])
        struct.pack_into("<h", effect, 2, max(effect_id, 0))
        ctypes.memmove(data, bytes(effect), FF_EFFECT_BYTES)
        return self._answer(client, 0)

    def _on_write(self, _base: int, client: int, _data: int) -> int:
        argument = self._library.umockdev_ioctl_client_get_arg(ctypes.c_void_p(client))
        pointer = ctypes.c_void_p.from_address(argument + DATA_AT).value
        length = ctypes.c_int.from_address(argument + LENGTH_AT).value
        _, _, kind, code, value = EVENT.unpack(ctypes.string_at(pointer, length)[: EVENT.size])
        self.seen.append(["play" if code < 0x60 else "set", time.monotonic(), code, value, kind])
        return self._answer(client, length)

    def _resolved(self, argument: int, size: int) -> int:
        error = ctypes.c_void_p()
        child = self._library.umockdev_ioctl_data_resolve(
            ctypes.c_void_p(argument), ctypes.c_size_t(0), ctypes.c_size_t(size), 1, 1, ctypes.byref(error)
        )
        return ctypes.c_void_p.from_address(child + DATA_AT).value or 0

    def _answer(self, client: int, result: int, errno: int = 0) -> int:
        self._library.umockdev_ioctl_client_complete(ctypes.c_void_p(client), ctypes.c_long(result), errno)
        return 1


def _recorded_answers() -> dict[tuple[int, int], tuple[int, bytes]]:
    """(ioctl number, size) -> (result, bytes) of the recording; size 0 fits any."""
    single = {"EVIOCGVERSION": GVERSION, "EVIOCGID": GID, "EVIOCGNAME": GNAME, "EVIOCGPHYS": GPHYS}
    single |= {"EVIOCGUNIQ": GUNIQ, "EVIOCGPROP": GPROP, "EVIOCGEFFECTS": GEFFECTS}
    several = {"EVIOCGBIT": GBIT, "EVIOCGABS": GABS}
    found: dict[tuple[int, int], tuple[int, bytes]] = {}
    for line in (DATA / "g29.ioctl").read_text().splitlines():
        words = line.split()
        if len(words) != 3:
            continue
        name, _, index = words[0].rstrip(")").partition("(")
        content = bytes.fromhex(words[2])
        if name in single:
            found[single[name], 0] = int(words[1]), content
        elif name in several:
            found[several[name] + int(index or 0), len(content)] = int(words[1]), content
    return found


class Program:
    """The program under test: command lines in, one JSON line back for each."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("emulated_motor_driver.py")
        self._child = subprocess.Popen([sys.executable, str(script)], stdin=-1, stdout=-1, text=True)

    def ask(self, line: str) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()
        return json.loads(self._child.stdout.readline())

    def end(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(20)


def motor(folder: Path) -> dict[str, Any]:
    """The policy drives and the rim follows; then no ticks come; the person drives; the device is closed."""
    bed = MotorTestbed()
    bed.plug_in(folder)
    program = Program()
    program.ask("open g29")
    bed.play(moved(0.0, (EV_ABS, ABS_X, 32767)), folder)
    program.ask("until ABS_X")
    report = {"right": program.ask("drive policy 0.4 0.6"), "left": program.ask("drive policy -0.4 0.6")}
    report["silence"] = program.ask("sleep 0.6")
    report["person"] = program.ask("drive human 0.3 0.6")
    report["closed"] = program.ask("close")
    program.end()
    return {"phases": report, "seen": bed.seen}


def everything(folder: Path) -> dict[str, Any]:
    """Every axis is moved and every button pressed; then the wheel is unplugged in mid-drive and plugged in again."""
    bed = MotorTestbed()
    bed.plug_in(folder)
    program = Program()
    program.ask("open g29")
    axes = {ABS_X: 50000, ABS_Z: 10, ABS_RZ: 20, 1: 30, 16: -1, 17: 1}
    events = moved(0.0, *((EV_ABS, code, value) for code, value in axes.items()))
    for number, code in enumerate(BUTTONS):
        events += moved(0.02 * (number + 1), (EV_KEY, code, 1))
    bed.play(events, folder)
    raw = program.ask(f"until {BUTTONS[-1]}")
    program.ask("drive policy 0.4 0.3")
    bed.unplug()
    gone = program.ask("wait gone")
    plays_before = len(bed.seen)
    bed.plug_in(folder, 21)
    back = program.ask("wait back")
    bed.play(moved(0.0, (EV_ABS, ABS_X, 32767)), folder)
    program.ask("until ABS_X")
    program.ask("drive policy 0.4 0.4")
    program.ask("close")
    program.end()
    after = [row for row in bed.seen[plays_before:] if row[0] == "upload"]
    return {"raw": raw, "axes": axes, "gone": gone, "back": back, "uploads_after": after}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
