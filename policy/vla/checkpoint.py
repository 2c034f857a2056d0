"""A checkpoint folder's description: `policy.json` beside the Hugging Face files.

The cameras the model was trained with, what else it observes, its codebook, how far it plans and how it decodes.
Everything that runs or trains a policy reads these settings from here, so that no picture is taken with a wrong lens.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from policy.vla.codebook import Codebook, CodebookError
from policy.vla.dialects.needs import DialectName, dialect_problem
from policy.vla.vocabulary import TOKENIZER_FILE, vocabulary_problem
from recorder.schema import POLICY_CAMERA, POLICY_CAMERA_PREFIX, Pose, is_policy_camera

SETTINGS_FILE = "policy.json"
REQUIRED_FILES = ("config.json", TOKENIZER_FILE, SETTINGS_FILE)
"""What a local folder must hold besides the weights and the codebook."""
_PIECE_BYTES = 1 << 22


class CheckpointError(Exception):
    """A checkpoint folder cannot be used; the message names the folder, what is missing and what to do."""


class CameraSettings(BaseModel):
    """One of the policy's cameras, mounted on the ego (x forward, y right, z up from its reference point)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(default=192, gt=0)
    height: int = Field(default=96, gt=0)
    fov_deg: float = Field(default=100.0, gt=1.0, lt=170.0)
    """Horizontal field of view."""
    x: float = 1.2
    y: float = 0.0
    z: float = 1.6
    pitch_deg: float = 6.0
    """Up: a lamp on an arm over the lane stays in the picture while the ego waits before its line."""
    yaw_deg: float = 0.0
    """To the right."""

    @property
    def fov_rad(self) -> float:
        """Horizontal field of view in radians."""
        return math.radians(self.fov_deg)

    @property
    def pose_in_ego(self) -> Pose:
        """Where the camera sits, in metres and radians."""
        return Pose(x=self.x, y=self.y, z=self.z, pitch=math.radians(self.pitch_deg), yaw=math.radians(self.yaw_deg))


class HistorySettings(BaseModel):
    """How much of the past the policy is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(default=1, ge=1, le=16)
    """Of each camera, the newest included."""
    step_s: float = Field(default=0.5, gt=0.0, le=5.0)
    """Time between two of them, and between two poses of the ego's own motion."""
    poses: int = Field(default=0, ge=0, le=16)
    """Earlier poses of the ego."""

    @property
    def span_s(self) -> float:
        """How far the past goes back, seconds."""
        return self.step_s * max(self.pictures - 1, self.poses)


class GenerationSettings(BaseModel):
    """How answers are decoded by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(default=0.0, ge=0.0)
    """0 takes the most probable token; above 0 samples."""


class PolicySettings(BaseModel):
    """The content of `policy.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "unnamed"
    dialect: DialectName = DialectName.TAKEOVER
    """How it is asked and how it answers (`policy.vla.dialects`)."""
    reasoning_tokens: int = Field(default=0, ge=0, le=4096)
    """How much it may write before its answer; 0 never lets it."""
    cameras: dict[str, CameraSettings] = Field(default={POLICY_CAMERA: CameraSettings()}, min_length=1)
    """By name, in the order in which the model is shown their pictures."""
    history: HistorySettings = HistorySettings()
    target_distances_m: tuple[float, ...] = (10.0, 25.0)
    """How far along the route its target points lie (two by default, as TransFuser, SimLingo and LEAD have them)."""
    codebook: str = "codebook.npy"
    horizon: int = Field(default=6, ge=1, le=20)
    """Action tokens per answer."""
    step_s: float = Field(default=0.5, gt=0.0)
    """Time one action token covers, seconds."""
    generation: GenerationSettings = GenerationSettings()

    @model_validator(mode="before")
    @classmethod
    def _one_camera_and_no_targets(cls, content: Any) -> Any:
        """Files of before policies had several cameras name one as `camera`, and know no target points."""
        if not isinstance(content, dict) or "camera" not in content or "cameras" in content:
            return content
        rest = {key: value for key, value in content.items() if key != "camera"}
        return {"target_distances_m": (), **rest, "cameras": {POLICY_CAMERA: content["camera"]}}

    @field_validator("cameras")
    @classmethod
    def _names_are_the_policys(cls, cameras: dict[str, CameraSettings]) -> dict[str, CameraSettings]:
        wrong = [name for name in cameras if not is_policy_camera(name)]
        if wrong or POLICY_CAMERA not in cameras:
            raise ValueError(
                f"one camera must be called '{POLICY_CAMERA}' and the others '{POLICY_CAMERA_PREFIX}...', "
                f"so that screens can have all other names; found {', '.join(cameras)}"
            )
        return cameras

    @property
    def picture_count(self) -> int:
        """Pictures in one question."""
        return len(self.cameras) * self.history.pictures

    @property
    def camera(self) -> CameraSettings:
        """The camera that looks ahead."""
        return self.cameras[POLICY_CAMERA]


def read_settings(folder: Path) -> PolicySettings:
    """Read `policy.json`; raises `CheckpointError` that names file, key and what is wrong."""
    file = Path(folder) / SETTINGS_FILE
    try:
        return PolicySettings.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CheckpointError(
            f"{file} is missing: a policy folder needs it; `takeover policy init` makes one of a model"
        ) from None
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{file} is not JSON: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{file}: key `{key}`: {first['msg']} (found {first['input']!r})") from error


def write_settings(folder: Path, settings: PolicySettings) -> None:
    """Write `policy.json` into an existing folder."""
    text = json.dumps(settings.model_dump(), indent=2) + "\n"
    (Path(folder) / SETTINGS_FILE).write_text(text, encoding="utf-8")


def settings_of(folder: str | Path) -> PolicySettings:
    """The settings of a whole policy; raises `CheckpointError` for a folder that holds none (`check_folder`)."""
    return read_settings(check_folder(folder))


def is_hub_name(folder: str | Path) -> bool:
    """Whether `folder` can only mean a model on the Hugging Face hub: `owner/name`, and no such path starts here."""
    text = str(folder)
    return bool(re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", text)) and not Path(text).parent.exists()


def check_folder(folder: str | Path) -> Path:
    """The folder, if a whole policy is in it: every file, action tokens in its vocabulary, a camera that fits.

    Raises `CheckpointError` that says what is wrong; for a model that is no policy yet, how to make it one.
    """
    if is_hub_name(folder):
        raise CheckpointError(f"{folder} is a model on the Hugging Face hub and no policy yet; {_make_one(folder)}")
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"policy folder {folder} does not exist; give the path of a checkpoint folder")
    has_weights = any(folder.glob("*.safetensors"))
    if has_weights and (folder / "config.json").is_file() and not (folder / SETTINGS_FILE).is_file():
        raise CheckpointError(f"{folder} is a model without {SETTINGS_FILE} and no policy yet; {_make_one(folder)}")
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if not has_weights:
        missing.append("weights (*.safetensors)")
    if (folder / SETTINGS_FILE).is_file() and not (folder / read_settings(folder).codebook).is_file():
        missing.append(read_settings(folder).codebook)
    if missing:
        raise CheckpointError(
            f"policy folder {folder} is not a complete checkpoint, missing: {', '.join(missing)}; "
            "copy the whole folder again or train it anew"
        )
    settings = read_settings(folder)
    try:
        codes = len(Codebook.load(folder, settings.codebook))
    except CodebookError as error:
        raise CheckpointError(str(error)) from error
    try:
        problem = vocabulary_problem(folder, codes)
        has_others = not vocabulary_problem(folder, 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"tokenizer or weights in policy folder {folder} cannot be read ({error}); copy the whole folder again"
        ) from error
    if problem:
        advice = "its codebook or weights are another policy's: copy its own" if has_others else _make_one(folder)
        raise CheckpointError(f"policy folder {folder} cannot drive or be trained: {problem}; {advice}")
    family = str(json.loads((folder / "config.json").read_bytes()).get("model_type", ""))
    for problem in (_camera_problem(folder, settings), dialect_problem(settings, family)):
        if problem:
            raise CheckpointError(f"policy folder {folder}: {problem}")
    return folder


def _make_one(folder: str | Path) -> str:
    return f"make a policy of the model: takeover policy init {folder} --out FOLDER"


def _camera_problem(folder: Path, settings: PolicySettings) -> str:
    """What is wrong with the size of a camera's pictures for this model; empty when they are cut into whole patches."""
    vision = json.loads((folder / "config.json").read_bytes()).get("vision_config", {})
    unit = vision.get("patch_size", 1) * vision.get("spatial_merge_size", 1)
    for name, camera in settings.cameras.items():
        if camera.width % unit or camera.height % unit:
            size = f"{camera.width}x{camera.height}"
            return f"its camera '{name}' has {size} pixels, its model needs multiples of {unit}"
    return ""


def checkpoint_sha256(folder: str | Path, adapter: str | Path | None = None) -> str:
    """One hash over the names and bytes of all weight, token and settings files of a checkpoint and its adapter."""
    digest = hashlib.sha256()
    for root in (folder, adapter):
        if root is None:
            continue
        for file in sorted(Path(root).iterdir()):
            if file.suffix in {".safetensors", ".json", ".npy", ".jinja"}:
                digest.update(file.name.encode())
                _add_file(digest, file)
    return digest.hexdigest()


def base_sha256(folder: str | Path) -> str:
    """One hash over what an adapter is trained on top of: weights, architecture, vocabulary and codebook.

    Names and settings of driving (`policy.json`) are not in it: they may change without changing what the weights mean.
    """
    folder = Path(folder)
    digest = hashlib.sha256()
    for file in [*sorted(folder.glob("*.safetensors")), folder / "config.json", folder / TOKENIZER_FILE]:
        _add_file(digest, file)
    _add_file(digest, folder / read_settings(folder).codebook)
    return digest.hexdigest()


def _add_file(digest: Any, file: Path) -> None:
    """Hash a file in pieces: weights may be larger than memory."""
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
