"""A session's folder: session.json and map.xodr beside the segments."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from recorder.layout.store import write_json
from recorder.schema import SCHEMA_VERSION, DriverKind, SessionInfo

SESSION_FILE = "session.json"
MAP_FILE = "map.xodr"
SEGMENTS = "segments"
WHOLE_SESSION = "session.zarr"


class RecordingError(Exception):
    """A recording cannot be read; the message says which, why and what to do."""


def write_session(folder: Path, info: SessionInfo) -> None:
    """Make the folder and write what is constant in the session. Raises FileExistsError over another session."""
    if (folder / SESSION_FILE).exists():
        raise FileExistsError(f"{folder} holds a session already: record into another folder")
    (folder / SEGMENTS).mkdir(parents=True, exist_ok=True)
    (folder / MAP_FILE).write_text(info.opendrive, encoding="utf-8", newline="")
    content: dict[str, Any] = {
        field.name: getattr(info, field.name) for field in dataclasses.fields(info) if field.name != "opendrive"
    }
    content["route_world"] = np.asarray(info.route_world, np.float32).reshape(-1, 4).tolist()
    write_json(folder / SESSION_FILE, {"schema_version": SCHEMA_VERSION, "opendrive_file": MAP_FILE, **content})


def read_session(folder: Path) -> SessionInfo:
    """What is constant in a session. Raises RecordingError when `folder` holds no readable session."""
    path = Path(folder) / SESSION_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("schema_version")
        if version > SCHEMA_VERSION:
            raise RecordingError(
                f"{path} was written with schema {version}, this program reads up to {SCHEMA_VERSION}: update it"
            )
        with (path.parent / content.pop("opendrive_file")).open(encoding="utf-8", newline="") as file:
            content["opendrive"] = file.read()
        content["driver"] = DriverKind(content["driver"])
        content["route_world"] = np.asarray(content["route_world"], np.float32).reshape(-1, 4)
        content["scenarios"] = tuple(content.get("scenarios", ()))
        return SessionInfo(**content)
    except FileNotFoundError as error:
        raise RecordingError(
            f"{folder} is no recorded session, {Path(error.filename).name} is missing: "
            "name a folder made by `takeover drive`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordingError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
