"""A session's ticks become segments, whatever the disk does."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from recorder.layout.store import SegmentStore
from recorder.reading.reader import Segment, list_segments, segment_paths
from recorder.reading.verify import verify_session
from recorder.schema import Authority, CameraFrame, Pose, Reason
from recorder.writing.ring import RingBuffer
from recorder.writing.window import TakeoverWindow
from recorder.writing.writer import SegmentRecorder
from tests.recorder.tick_strategies import INFO, drive, plain_tick

POLICY, HUMAN, BACK = Authority.POLICY, Authority.HUMAN, Authority.HANDING_BACK


def record(folder: Path, ticks, **options) -> SegmentRecorder:
    recorder = SegmentRecorder(folder, INFO, queue_ticks=10_000, **options)
    for tick in ticks:
        recorder.consume(tick)
    recorder.close()
    return recorder


def frames_of(path: Path) -> list[int]:
    return Segment.open(path).column("frame").tolist()


def test_a_segment_goes_from_five_seconds_before_to_three_after_hand_back(tmp_path):
    recorder = record(tmp_path, drive((200, POLICY), (60, HUMAN), (10, BACK), (200, POLICY), pictures=False))
    (segment,) = list_segments(tmp_path)
    frames = frames_of(segment.path)
    assert frames == list(range(100, 331))
    assert (segment.takeover_frame, segment.takeover_time_s) == (200, pytest.approx(10.0))
    assert segment.complete
    assert segment.ended_by == "hand_back"
    assert segment.reason is Reason.OVERRIDE_BRAKE
    assert segment.note == "collision ahead"
    assert segment.distance_m == pytest.approx(115.0)
    opened = Segment.open(segment.path)
    (takeover,) = opened.takeovers
    assert (opened.takeover_index, takeover.first, takeover.end) == (100, 100, 170)
    assert recorder.error is None
    assert verify_session(tmp_path) == []


def test_a_takeover_soon_after_hand_back_extends_the_same_segment(tmp_path):
    record(tmp_path, drive((50, POLICY), (20, HUMAN), (30, POLICY), (20, HUMAN), (100, POLICY), pictures=False))
    (segment,) = list_segments(tmp_path)
    assert segment.takeovers == 2
    assert frames_of(segment.path) == list(range(181))
    found = Segment.open(segment.path).takeovers
    assert [(takeover.first, takeover.end) for takeover in found] == [(50, 70), (100, 120)]


def test_a_later_takeover_gets_its_own_segment(tmp_path):
    record(tmp_path, drive((50, POLICY), (20, HUMAN), (80, POLICY), (20, HUMAN), (100, POLICY), pictures=False))
    first, second = list_segments(tmp_path)
    assert (first.takeover_frame, second.takeover_frame) == (50, 150)
    assert frames_of(second.path)[0] == 50  # its own pre-roll, although the first segment holds it too
    assert Segment.open(second.path).takeover_index == 100


def test_a_safe_stop_is_recorded_as_a_takeover(tmp_path):
    record(tmp_path, drive((50, POLICY), (20, Authority.REQUESTED), (20, Authority.SAFE_STOP), pictures=False))
    (segment,) = list_segments(tmp_path)
    assert (segment.takeover_frame, segment.ended_by, segment.complete) == (70, "session_closed", True)


def test_a_session_without_takeover_leaves_no_segment(tmp_path):
    record(tmp_path, drive((100, POLICY), pictures=False))
    assert list_segments(tmp_path) == []
    assert verify_session(tmp_path) == []


def test_a_takeover_with_no_past_is_still_one(tmp_path):
    record(tmp_path, drive((10, POLICY), (20, HUMAN), (80, POLICY), pictures=False), pre_s=0.0)
    (segment,) = list_segments(tmp_path)
    assert segment.takeovers == 1
    assert Segment.open(segment.path).takeover_index == 0


def test_the_whole_session_can_be_recorded_besides(tmp_path):
    record(tmp_path, drive((30, POLICY), (20, HUMAN), (30, POLICY)), whole_session=True)
    assert frames_of(tmp_path / "session.zarr") == list(range(80))
    assert len(list_segments(tmp_path)) == 1
    assert verify_session(tmp_path) == []
    whole, part = Segment.open(tmp_path / "session.zarr"), Segment.open(segment_paths(tmp_path)[0])
    assert whole.picture_bytes("left", 40) == part.picture_bytes("left", 40)
    assert whole.image("left", 40).mean() == pytest.approx(60, abs=3)


@pytest.fixture
def stuck_disk(monkeypatch):
    """A disk whose writes return only when the event is set."""
    released = threading.Event()
    append = SegmentStore.append

    def slow_append(store, batch):
        released.wait()
        append(store, batch)

    monkeypatch.setattr(SegmentStore, "append", slow_append)
    yield released
    released.set()


def consume_in_time(recorder: SegmentRecorder, ticks) -> None:
    """Each tick comes when the one before it has left the queue, however slow the machine is."""
    for tick in ticks:
        recorder.consume(tick)
        while recorder._queue.qsize():
            time.sleep(0.001)


def test_ticks_that_find_the_queue_full_are_counted_and_marked(tmp_path, stuck_disk):
    stuck_disk.set()
    recorder = SegmentRecorder(tmp_path, INFO, queue_ticks=4)
    consume_in_time(recorder, drive((10, POLICY), (10, HUMAN), pictures=False))
    stuck_disk.clear()
    for tick in drive((400, HUMAN), first=20, pictures=False):
        recorder.consume(tick)
    stuck_disk.set()
    while recorder._queue.qsize():
        time.sleep(0.001)
    consume_in_time(recorder, drive((5, HUMAN), first=420, pictures=False))
    recorder.close()
    (segment,) = list_segments(tmp_path)
    gaps = np.diff(frames_of(segment.path))
    assert recorder.dropped_ticks > 0
    assert segment.dropped_ticks == recorder.dropped_ticks == int((gaps - 1).sum())
    assert [problem.is_loss for problem in verify_session(tmp_path)] == [True]


def test_a_disk_that_hangs_never_holds_up_the_tick(tmp_path, stuck_disk):
    recorder = SegmentRecorder(tmp_path, INFO, queue_ticks=50)
    for tick in drive((5, POLICY), (400, HUMAN), pictures=False):
        recorder.consume(tick)  # a `consume` that waited for the disk would never return here
    assert recorder.dropped_ticks > 0
    stuck_disk.set()
    recorder.close()
    (segment,) = list_segments(tmp_path)
    assert segment.ticks + segment.dropped_ticks == 405


def test_a_lock_step_session_loses_no_tick_to_a_slow_disk(tmp_path):
    recorder = SegmentRecorder(tmp_path, INFO, queue_ticks=1, wait_when_full=True)
    for tick in drive((5, POLICY), (200, HUMAN)):
        recorder.consume(tick)
    recorder.close()
    assert (recorder.dropped_ticks, list_segments(tmp_path)[0].ticks) == (0, 205)


def test_a_picture_that_cannot_be_encoded_costs_only_itself(tmp_path):
    ticks = list(drive((5, POLICY), (20, HUMAN)))
    broken = dict(ticks[8].cameras)
    broken["left"] = dataclasses.replace(broken["left"], image=np.zeros((0, 5), np.float32))
    ticks[8] = dataclasses.replace(ticks[8], cameras=broken)
    recorder = record(tmp_path, ticks)
    segment = Segment.open(segment_paths(tmp_path)[0])
    assert len(segment) == 25
    assert set(segment.tick(8).cameras) == {"front", "right"}
    assert set(segment.tick(9).cameras) == {"front", "left", "right"}
    assert segment.attributes["picture_errors"] == 1
    assert recorder.error is None


def test_a_tick_that_breaks_the_schema_costs_only_itself(tmp_path):
    ticks = list(drive((5, POLICY), (20, HUMAN)))
    ticks[8] = dataclasses.replace(ticks[8], ttc_s="soon")
    recorder = record(tmp_path, ticks)
    segment = Segment.open(segment_paths(tmp_path)[0])
    assert segment.column("frame").tolist() == [frame for frame in range(25) if frame != 8]
    assert segment.attributes["dropped_ticks"] == 1
    assert all(len(tick.actors) == 20 for tick in segment.ticks())
    assert recorder.error is None


CHILD = """
import sys, time
from pathlib import Path
from tests.recorder.tick_strategies import INFO, drive
from recorder.schema import Authority
from recorder.writing.writer import SegmentRecorder
recorder = SegmentRecorder(Path({folder!r}), INFO, whole_session=True)
for tick in drive((40, Authority.POLICY), (100000, Authority.HUMAN)):
    recorder.consume(tick)
    time.sleep(0.005)
"""


@pytest.mark.parametrize(("ticks_seen", "extra_s"), [(1, 0.0), (60, 0.013), (60, 0.05), (100, 0.11), (140, 0.0)])
def test_after_kill_9_everything_that_was_committed_can_be_read(tmp_path, ticks_seen, extra_s):
    program = CHILD.format(folder=str(tmp_path / "s"))
    child = subprocess.Popen([sys.executable, "-c", program])
    try:
        seen = 0
        while seen < ticks_seen:
            assert child.poll() is None, "the child ended by itself"
            paths = segment_paths(tmp_path / "s")
            seen = len(Segment.open(paths[0])) if paths and (paths[0] / "zarr.json").exists() else 0
            time.sleep(0.01)
        time.sleep(extra_s)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    for path in (segment_paths(tmp_path / "s")[0], tmp_path / "s" / "session.zarr"):
        segment = Segment.open(path)
        assert len(segment) >= (seen if path.stem == "0001" else 1)
        assert segment.column("frame").tolist() == list(range(len(segment)))
        for index, tick in enumerate(segment.ticks()):
            assert tick.frame == index
            assert len(tick.actors) == 20
            assert tick.cameras["front"].image.mean() == pytest.approx(index % 200 + 20, abs=3)
        assert not segment.is_complete
    assert all(problem.is_loss for problem in verify_session(tmp_path / "s"))


def noisy(ticks):
    rng = np.random.default_rng(0)
    for tick in ticks:
        image = rng.integers(0, 255, (120, 160, 3), np.uint8)
        camera = CameraFrame("left", tick.frame, image, 1.5, Pose())
        yield dataclasses.replace(tick, cameras={"left": camera})


def test_a_full_disk_ends_the_segment_and_keeps_what_was_written(small_disk, caplog):
    recorder = record(small_disk / "s", noisy(drive((20, POLICY), (400, HUMAN), (5, POLICY), (5, HUMAN))))
    assert "No space left" in (recorder.error or "")
    assert "make room" in (recorder.error or "")
    segment = Segment.open(small_disk / "s" / "segments" / "0001.zarr")
    assert len(segment) >= 40
    assert [tick.frame for tick in segment.ticks()] == list(range(len(segment)))
    assert not segment.is_complete
    assert len([line for line in caplog.messages if "0001.zarr" in line and "No space" in line]) == 1


def test_room_made_on_the_disk_lets_the_next_takeover_be_recorded(small_disk):
    ballast = small_disk / "ballast"
    recorder = SegmentRecorder(small_disk / "s", INFO, queue_ticks=1000)
    ballast.write_bytes(b"x" * 2_000_000)
    for tick in noisy(drive((20, POLICY), (100, HUMAN))):
        recorder.consume(tick)
    while recorder.error is None:
        time.sleep(0.01)
    ballast.unlink()
    for tick in drive((20, POLICY), (40, HUMAN), first=120):
        recorder.consume(tick)
    recorder.close()
    second = list_segments(small_disk / "s")[-1]
    assert (second.segment_id, second.takeover_frame, second.complete) == ("0002", 140, True)


LIMITED = """
import resource, sys
from pathlib import Path
from tests.recorder.writing.test_segment_recorder import noisy, record
from tests.recorder.tick_strategies import drive
from recorder.schema import Authority
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
def ticks():
    for tick in noisy(drive((20, Authority.POLICY), (100, Authority.HUMAN))):
        if tick.frame == 60:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 600_000))
        yield tick
        import time; time.sleep(0.01)
print(record(Path({folder!r}), ticks()).error)
"""


def test_a_write_refused_by_the_system_ends_the_segment_and_not_the_session(tmp_path):
    program = LIMITED.format(folder=str(tmp_path / "s"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    segment = Segment.open(tmp_path / "s" / "segments" / "0001.zarr")
    assert 20 <= len(segment) < 120
    assert [tick.frame for tick in segment.ticks()] == list(range(len(segment)))
    assert "File too large" in segment.attributes["error"]
    assert segment.attributes["ended_by"] == "error"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000  # the limit applied to the child only


def test_a_folder_that_cannot_be_made_is_reported_before_the_session_starts(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SegmentRecorder(tmp_path / "file" / "s", INFO)


def test_closing_twice_and_consuming_after_closing_do_no_harm(tmp_path):
    recorder = record(tmp_path, drive((5, POLICY), (5, HUMAN)))
    recorder.consume(plain_tick(99))
    recorder.close()
    assert len(list_segments(tmp_path)) == 1


def test_opencv_leaves_qt_alone():
    program = "import os, recorder.layout.pictures; print(os.environ.get('QT_QPA_PLATFORM_PLUGIN_PATH'))"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QT_")}
    done = subprocess.run([sys.executable, "-c", program], env=clean, capture_output=True, text=True)
    assert done.stdout.strip() == "None"


def test_the_ring_keeps_the_last_seconds_and_no_more():
    ring: RingBuffer = RingBuffer(1.0)
    for tick in drive((60, POLICY), pictures=False):
        ring.append(tick)
    assert [tick.frame for tick in ring] == list(range(39, 60))
    assert [tick.frame for tick in ring.last(0.2)] == list(range(55, 60))


def test_the_ring_forgets_an_episode_when_time_begins_again():
    ring: RingBuffer = RingBuffer(10.0)
    for tick in [*drive((20, POLICY), first=100, pictures=False), *drive((3, POLICY), pictures=False)]:
        ring.append(tick)
    assert [tick.frame for tick in ring] == [0, 1, 2]


def test_a_session_that_starts_with_the_person_driving_has_no_takeover_yet():
    window = TakeoverWindow(3.0)
    assert {window.update(HUMAN, frame * 0.05).name for frame in range(100)} == {"IDLE"}
