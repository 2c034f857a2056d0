#!/usr/bin/env bash
# Makes the virtual environment that everything runs in, and the system packages it needs. Safe to run again: it does
# only what is missing. As root it installs Debian packages itself; otherwise it prints the one line to run and stops.
# While another program holds the package manager's locks it waits, at most SETUP_LOCK_WAIT_S seconds (600).
#   scripts/setup.sh          what `make run` needs
#   scripts/setup.sh --dev    and what `make test` needs
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
python=${PYTHON:-python3}
extras=""
# Mesa draws without a GPU or a screen; the xcb libraries are what Qt needs to open a window on X11; gcc and the
# headers build evdev, which has no binary wheel.
packages=(gcc libc6-dev libdbus-1-3 libegl1 libegl-mesa0 libfontconfig1 libgl1 libgl1-mesa-dri libglib2.0-0
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xkb1
  libxkbcommon-x11-0 fonts-dejavu-core)
if [ "${1:-}" = "--dev" ]; then
  extras="[dev]"
  packages+=(umockdev x11-xserver-utils xauth xvfb)   # an emulated wheel below evdev, and screens for the window tests
fi

if ! command -v "$python" >/dev/null; then
  packages+=(python3 python3-venv python3-dev)
elif ! "$python" -c 'import ensurepip, venv, sysconfig, pathlib; assert (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists()' 2>/dev/null; then
  packages+=(python3-venv python3-dev)
fi

# apt-get, again and again while it finds a lock held (by an automatic upgrade, or a second setup). apt's own
# DPkg::Lock::Timeout waits for dpkg's locks only, not for those of the package lists and of the archives.
apt_get() {
  local patience_s=${SETUP_LOCK_WAIT_S:-600} started_s=$SECONDS announced="" errors rc
  while true; do
    rc=0
    errors=$(LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" 2>&1 >/dev/null) || rc=$?
    if [ $rc = 0 ] || ! grep -q "Could not get lock" <<<"$errors"; then
      break
    elif [ $((SECONDS - started_s)) -ge "$patience_s" ]; then
      echo "setup: gave up after waiting $patience_s s for the package manager's lock:" >&2
      break
    elif [ -z "$announced" ]; then
      echo "setup: another program holds the package manager's lock; waiting for it (at most $patience_s s):" >&2
      grep "Could not get lock" <<<"$errors" | sed 's/^/  /' >&2
      announced=yes
    fi
    sleep 2
  done
  [ -z "$errors" ] || echo "$errors" >&2
  return $rc
}

missing=()
if command -v dpkg-query >/dev/null; then
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
else
  echo "setup: this is not a Debian system; make sure these are there under your system's names: ${packages[*]}" >&2
fi
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    echo "setup: installing ${missing[*]}"
    apt_get update
    apt_get install -y --no-install-recommends "${missing[@]}"
  else
    echo "setup: system packages are missing. Run this once, then the same command again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || {
  echo "setup: $("$python" --version) found, but Python 3.11 or 3.12 is needed (carla 0.9.16 has no wheels for others);" \
    "name one with PYTHON=/path/to/python3.11" >&2
  exit 1
}

stamp="$venv/.installed$extras"
if [ -f "$stamp" ] && [ "$stamp" -nt pyproject.toml ]; then
  exit 0
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
torch=$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
echo "setup: installing $torch"
# torch goes first and by itself: with it in place, no other package's range pulls a second build of it.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$torch"
echo "setup: installing the other packages (a few minutes the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".$extras"
echo "setup: compiling the simulator's inner loops, building its towns"
"$venv/bin/python" -m sim.prepare
touch "$stamp"
