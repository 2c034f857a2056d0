"""Makes a policy of a Qwen2.5-VL or Qwen3-VL: a folder that every command takes.

What it adds to the model: an action token for every code, in the tokenizer and as rows of the weights, a codebook, the
size of the policy's pictures in whole patches, and `policy.json`. What it does not add is driving: a new row is the
mean of the model's own, all of them alike, so that an untrained policy's likeliest plan is code 0, which stands still.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from policy.making.k_disk import town_codebook
from policy.vla.checkpoint import CameraSettings, CheckpointError, PolicySettings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.dialects.catalogue import dialect_of
from policy.vla.dialects.needs import NEEDS, DialectName, dialect_problem
from policy.vla.processor import CHAT_TEMPLATE, VlaProcessor, load_processor
from policy.vla.tokenizer import add_action_tokens
from policy.vla.vocabulary import vocabulary_problem

FAMILIES = {"qwen2_5_vl": "Qwen2.5-VL", "qwen3_vl": "Qwen3-VL"}
"""The model types that a policy can be made of, and what people call them."""
IMAGE_TOKENS = 128
"""A picture's tokens: 16 x 8 of them show a camera of 2:1 at 448x224 or 512x256."""
STAGES = ("load the model", "add the action tokens", "write the policy")


@dataclass(frozen=True)
class NewPolicy:
    """A policy that was just made."""

    folder: Path
    settings: PolicySettings
    family: str
    codes: int
    image_tokens: int
    """Of all pictures of a question."""
    rows: int
    """Of the embedding, action tokens and rows to spare included."""


def init_policy(
    model: str | Path,
    out_folder: str | Path,
    codebook: Codebook | None = None,
    cameras: Mapping[str, CameraSettings] | None = None,
    image_tokens: int = IMAGE_TOKENS,
    on_stage: Callable[[str], None] = lambda _: None,
    dialect: DialectName = DialectName.TAKEOVER,
) -> NewPolicy:
    """Write a policy made of `model` (a folder or a name on the Hugging Face hub) to `out_folder`.

    Without a codebook it gets `town_codebook`, 2,048 codes as AutoVLA has. The cameras' lenses, places and
    aspects are kept, their sizes become the nearest in whole patches of at most `image_tokens`. Raises
    `CheckpointError` for a model of another kind, one that already is a policy, and when `out_folder` is in use or
    cannot be written, and for cameras that the dialect cannot show. Without cameras it gets the dialect's own.
    """
    out = Path(out_folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointError(f"{out} is in use: make the policy in a new folder")
    family = _family(model)
    settings = _settings(out.name, dialect, cameras)
    if problem := dialect_problem(settings, family):
        raise CheckpointError(f"no policy can be made of {model}: {problem}")
    codebook = codebook or town_codebook()
    on_stage(STAGES[0])
    network, processor = _load(model)
    on_stage(STAGES[1])
    add_rows(network, processor.tokenizer, len(codebook))
    unit = patch_unit(network.config)
    fitted = {name: fitted_camera(one, unit, image_tokens) for name, one in settings.cameras.items()}
    settings = settings.model_copy(update={"cameras": fitted})
    on_stage(STAGES[2])
    part = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        network.save_pretrained(part)
        _sized(processor, settings).save_pretrained(part)
        codebook.save(part)
        write_settings(part, settings)
        if out.exists():
            out.rmdir()
        part.rename(out)
    except OSError as error:
        raise CheckpointError(f"the policy cannot be written to {out}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    seen = settings.history.pictures // (2 if dialect_of(settings).shows_videos else 1)  # videos: pairs of frames
    tokens = sum(_pixels(settings)) // unit**2 * seen
    return NewPolicy(
        out, settings, FAMILIES[family], len(codebook), tokens, network.get_input_embeddings().weight.shape[0]
    )


def add_rows(model: Any, tokenizer: Any, codes: int) -> None:
    """Add `codes` action tokens to a tokenizer, and their rows to both ends of the model.

    A row is the mean of the rows of the words that were there. A model may have rows to spare beyond its vocabulary;
    they were never trained, count for no mean, and are used first.
    """
    words = len(tokenizer)
    add_action_tokens(tokenizer, codes)
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64, mean_resizing=False)
    ends = {id(end.weight): end.weight for end in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for rows in ends.values():
            rows[words:] = rows[:words].mean(0, dtype=torch.float32).to(rows.dtype)


def fitted_camera(camera: CameraSettings, unit: int, most_tokens: int = IMAGE_TOKENS) -> CameraSettings:
    """`camera` at the size of at most `most_tokens` squares of `unit` pixels that keeps its aspect best.

    Of sizes that keep it equally well, the largest. Raises ValueError where `most_tokens` is below 1.
    """
    if most_tokens < 1:
        raise ValueError("a picture has at least one token")
    aspect = camera.width / camera.height
    sizes = [(across, down) for down in range(1, most_tokens + 1) for across in range(1, most_tokens // down + 1)]
    large = [size for size in sizes if size[0] * size[1] >= most_tokens // 2]

    def misfit(size: tuple[int, int]) -> tuple[float, int]:
        ratio = size[0] / size[1] / aspect
        return (round(max(ratio, 1 / ratio), 2), -size[0] * size[1])

    across, down = min(large, key=misfit)
    return camera.model_copy(update={"width": across * unit, "height": down * unit})


def patch_unit(config: Any) -> int:
    """Pixels of a side of what one image token shows: patch x merge, 28 for Qwen2.5-VL and 32 for Qwen3-VL."""
    return config.vision_config.patch_size * config.vision_config.spatial_merge_size


def _family(model: str | Path) -> str:
    """The model's type. Raises `CheckpointError` when a policy cannot be made of it."""
    if _has_action_tokens(Path(model)):
        raise CheckpointError(f"{model} is a policy already: it has action tokens")
    try:
        config = AutoConfig.from_pretrained(str(model), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{model} is no model's folder and no name on the hub: {error}") from error
    if config.model_type not in FAMILIES:
        known = " or a ".join(FAMILIES.values())
        raise CheckpointError(f"{model} is a {config.model_type}; a policy is made of a {known}")
    return str(config.model_type)


def _settings(name: str, dialect: DialectName, cameras: Mapping[str, CameraSettings] | None) -> PolicySettings:
    """What the dialect begins with; its cameras where none are given."""
    given = {} if cameras is None else {"cameras": dict(cameras)}
    return PolicySettings.model_validate({"name": name, "dialect": dialect, **NEEDS[dialect].settings, **given})


def _has_action_tokens(folder: Path) -> bool:
    """Whether the folder was made a policy before. One with a `policy.json` but without tokens is a model."""
    try:
        return not vocabulary_problem(folder, 1)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _load(model: str | Path) -> tuple[Any, VlaProcessor]:
    """Model in its type on disk, and processor."""
    try:
        network: Any = AutoModelForImageTextToText.from_pretrained(str(model), dtype="auto", trust_remote_code=False)
        return network, load_processor(model)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no model with tokenizer and image processor in {model}: {error}") from error


def _sized(processor: VlaProcessor, settings: PolicySettings) -> VlaProcessor:
    """The processor with our chat template, and with an image processor that leaves the cameras' pictures as they are.

    The template is Qwen's own without its system message, which would be read again for every frame.
    """
    pixels = _pixels(settings)
    processor.image_processor.size = {"shortest_edge": min(pixels), "longest_edge": max(pixels)}
    processor.tokenizer.chat_template = CHAT_TEMPLATE
    return VlaProcessor(processor.image_processor, processor.tokenizer, CHAT_TEMPLATE)


def _pixels(settings: PolicySettings) -> list[int]:
    return [camera.width * camera.height for camera in settings.cameras.values()]
