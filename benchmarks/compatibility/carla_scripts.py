"""CARLA's own tests, examples and tools, as published, each on a fresh server: which of them run here.

None of them is shipped: give the `PythonAPI` folder of a checkout of CARLA's repository at the tag 0.9.16. Prints a
table and writes `benchmarks/results/carla_scripts.csv`. Scripts that run until they are stopped are interrupted at
their time limit. Run from the repository: `python -m benchmarks.compatibility.carla_scripts --scripts
~/carla/PythonAPI`; `--only lidar` runs those with that in their name. `--python` is an
interpreter that has what the scripts import.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "carla_scripts.csv"
SMOKE_PORT = 3654
"""Written into the smoke tests."""
FOLDERS = ("test/smoke", "test/unit", "examples", "util")

ARGUMENTS = {
    "automatic_control.py": ["--sync", "-a", "Basic"],
    "manual_control.py": ["--sync", "-a"],
    "manual_control_carsim.py": ["-a"],
    "manual_control_chrono.py": ["-a"],
    "generate_traffic.py": ["-n", "20", "-w", "10"],
    "start_recording.py": ["-n", "5", "-t", "5", "-f", "scripts.log"],
    "start_replaying.py": ["-f", "scripts.log"],
    "show_recorder_file_info.py": ["-f", "scripts.log"],
    "show_recorder_collisions.py": ["-f", "scripts.log"],
    "show_recorder_actors_blocked.py": ["-f", "scripts.log"],
    "lidar_to_camera.py": ["-f", "10"],
    "extract_spawn_points.py": ["-o", "."],
    "lane_explorer.py": ["-t", "0.1"],
    "config.py": ["--list"],
    "environment.py": ["--sun", "sunset"],
    "apply_texture.py": ["--list"],
    "performance_benchmark.py": ["--show_scenarios"],
    "raycast_sensor_testing.py": ["-ln", "1"],
}
LIMITS_S = {
    "check_collisions_substepping.py": 900.0,
    "check_raycast_sensors_determinism.py": 900.0,
    "test_collision_determinism.py": 900.0,
    "test_sensor_determinism.py": 900.0,
    "test_determinism.py": 900.0,
    "test_lidar.py": 900.0,
    "test_map.py": 900.0,
    "test_spawnpoints.py": 1800.0,
    "vehicle_physics_tester.py": 300.0,
    "lidar_to_camera.py": 200.0,
    "tutorial.py": 120.0,
}
USUAL_LIMITS_S = {"test/smoke": 600.0, "test/unit": 120.0, "examples": 60.0, "util": 60.0}
AFTER_INTERRUPT_S = 20.0
NO_SERVER = ("test/unit",)

_MISSING = re.compile(r"No module named '?([\w.]+)|cannot import (\w+)")
_ERROR = re.compile(r"^(\w+(\.\w+)*(Error|Exception)\b.*|terminate called.*|AssertionError.*)$")


@dataclass(frozen=True)
class Outcome:
    """How one script ended."""

    script: str
    exit_code: int
    verdict: str
    seconds: float
    first_error: str


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", type=Path, required=True, help="CARLA's PythonAPI folder")
    parser.add_argument("--only", default="", help="run the scripts with this in their path")
    parser.add_argument("--python", default=sys.executable, help="interpreter for the scripts")
    parser.add_argument("--port", type=int, default=2000, help="2000 is written into some of the scripts")
    parser.add_argument("--limit-factor", type=float, default=1.0, help="on a slow or busy machine, above 1")
    return parser.parse_args()


def find_scripts(folder: Path, only: str) -> list[str]:
    """Paths of the scripts below CARLA's PythonAPI folder, in a fixed order."""
    found = [path for part in FOLDERS for path in sorted((folder / part).glob("*.py"))]
    names = [path.relative_to(folder).as_posix() for path in found if path.name != "__init__.py"]
    return [name for name in names if only in name]


def run_script(args: argparse.Namespace, script: str, work: Path) -> Outcome:
    """Run one script on a server of its own."""
    part, name = script.rsplit("/", 1)
    is_test = part.startswith("test/")
    port = SMOKE_PORT if is_test else args.port
    server = None if part in NO_SERVER else _start_server(port)
    command = _command(args, part, name, port)
    path = os.pathsep.join(str(args.scripts.resolve() / part) for part in ("carla", "carla/agents", "examples", "test"))
    env = dict(os.environ, SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy", PYTHONPATH=path, MPLBACKEND="agg")
    limit_s = args.limit_factor * LIMITS_S.get(name, USUAL_LIMITS_S[part])
    begun_s = time.monotonic()
    try:
        exit_code, output, was_stopped = _run(command, work, env, limit_s)
    finally:
        if server is not None:
            server.kill()
            server.wait()
    verdict, first_error = judge(exit_code, output, was_stopped, is_test)
    return Outcome(script, exit_code, verdict, round(time.monotonic() - begun_s, 1), first_error)


def _start_server(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sim", "--port", str(port), "--map", "Town10HD_Opt", "--exit-with-parent"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    if not server.stdout.readline().startswith("ready"):
        raise SystemExit(f"the server at port {port} did not get ready")
    return server


def _command(args: argparse.Namespace, part: str, name: str, port: int) -> list[str]:
    if part.startswith("test/"):
        return [args.python, "-m", "unittest", "-v", f"{part.removeprefix('test/')}.{name.removesuffix('.py')}"]
    script = args.scripts.resolve() / part / name
    takes_port = re.search(r"""['"]--port['"]""", script.read_text(encoding="utf-8")) is not None
    return [args.python, str(script), *(["--port", str(port)] if takes_port else []), *ARGUMENTS.get(name, [])]


def _run(command: list[str], work: Path, env: dict[str, str], limit_s: float) -> tuple[int, str, bool]:
    """Exit code, output and whether it had to be stopped; the input is empty lines, for scripts that ask for a key."""
    with tempfile.TemporaryFile("w+", errors="replace") as output, tempfile.TemporaryFile("w+") as keys:
        keys.write("\n" * 100)
        keys.seek(0)
        process = subprocess.Popen(command, cwd=work, env=env, stdin=keys, stdout=output, stderr=output)
        was_stopped = False
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            was_stopped = True
            process.send_signal(signal.SIGINT)
            try:
                process.wait(AFTER_INTERRUPT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        output.seek(0)
        return process.returncode, output.read(), was_stopped


def judge(exit_code: int, output: str, was_stopped: bool, is_test: bool) -> tuple[str, str]:
    """Verdict and first error line of a script's end."""
    errors = [line.strip() for line in output.splitlines() if _ERROR.match(line.strip())]
    first_error = next((line for line in errors if not line.startswith("KeyboardInterrupt")), "")
    missing = _MISSING.search(output)
    if missing is not None and exit_code != 0:
        return f"needs {missing[1] or missing[2]}", first_error
    if was_stopped:
        if is_test:
            return "not finished in its time", first_error
        return ("fails", first_error) if first_error else ("runs until stopped", "")
    return ("passes" if exit_code == 0 and not (is_test and "FAILED" in output) else "fails"), first_error


def main() -> None:
    """Run what was asked for."""
    args = _arguments()
    # A shell's background job ignores the signal by which scripts are stopped, and its children would do so too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    scripts = find_scripts(args.scripts, args.only)
    if not scripts:
        raise SystemExit(f"no scripts below {args.scripts}: give CARLA's PythonAPI folder")
    console = Console()
    outcomes = []
    with tempfile.TemporaryDirectory() as work:
        for script in scripts:
            outcomes.append(run_script(args, script, Path(work)))
            last = outcomes[-1]
            console.print(f"{last.script}: {last.verdict} (exit {last.exit_code}, {last.seconds} s) {last.first_error}")
            _write(outcomes)
    table = Table("script", "exit code", "verdict", "first error")
    for each in outcomes:
        table.add_row(each.script, str(each.exit_code), each.verdict, each.first_error[:100])
    console.print(table)
    console.print(f"written: {RESULTS.relative_to(ROOT)}")


def _write(outcomes: list[Outcome]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Outcome)])
        writer.writerows(astuple(each) for each in outcomes)


if __name__ == "__main__":
    main()
