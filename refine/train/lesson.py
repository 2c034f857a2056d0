"""Samples as the small policy is taught them: tokenised, weighted by how rare they are, some held out for validation.

The prompt is the one that the policy is asked when it drives, the answer the one that it shall give. The training loop
is `refine.train.small_sft`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy.vla.answer import format_answer
from policy.vla.labels import meta_action
from policy.vla.model import Vla
from policy.vla.observation import messages
from policy.vla.tokenizer import END_OF_TURN
from recorder.schema import RouteCommand
from refine.data.samples import CELL_PX, COMMANDS, UNSEEN, Samples
from refine.data.truth import BLOCK_PX
from refine.errors import RefineError

STANDING_MPS = 0.6
BEFORE_M = (8.0, 24.0)
"""Distance to a junction at which cars stand because of its light."""
TURNING_M = 8.0
"""A turn begins to matter when it is nearer than this."""
SETTING_OFF_M = 0.7
"""A plan whose last step is longer than this sets off."""


@dataclass(frozen=True)
class Lesson:
    """Samples ready for the model; one row each."""

    images: Tensor
    ids: Tensor
    """(N, length) prompt, image places and answer, padded behind."""
    starts: Tensor
    """(N,) where the answer begins."""
    answer: Tensor
    """(N, header + horizon + 1) the answer's tokens and the end of turn."""
    trajectory: np.ndarray
    light: Tensor
    """(N,) index into `refine.data.samples.LIGHTS`."""
    lamps: Tensor
    """(N, image tokens) the same for the lamp lit in each, -1 where it is not known."""
    depth: Tensor
    """(N, image tokens, blocks) uint8 depths of the blocks that each token shows, see `refine.data.truth`."""
    classes: Tensor
    """(N, image tokens, blocks) uint8 their semantic tags."""


def make_lesson(vla: Vla, samples: Samples) -> Lesson:
    """Tokenise samples: prompts as the policy is asked, answers as it shall give them."""
    if samples.trajectory_ego.shape[1] != vla.settings.horizon:
        raise RefineError(
            f"the samples hold {samples.trajectory_ego.shape[1]} points, the policy plans {vla.settings.horizon}; "
            "collect with this checkpoint's settings"
        )
    prompts = _PromptIds(vla)
    prompt_ids = [prompts(text) for text in samples.prompt.tolist()]
    answers = [_answer_ids(vla, samples, row) for row in range(len(samples))]
    pad = vla.processor.tokenizer.pad_token_id
    length = max(len(ids) for ids in prompt_ids) + len(answers[0])
    ids = torch.full((len(samples), length), pad, dtype=torch.long)
    for row, (question, answer) in enumerate(zip(prompt_ids, answers, strict=True)):
        line = question + answer
        ids[row, : len(line)] = torch.tensor(line)
    return Lesson(
        images=torch.from_numpy(samples.images),
        ids=ids,
        starts=torch.tensor([len(question) for question in prompt_ids]),
        answer=torch.tensor(answers),
        trajectory=samples.trajectory_ego,
        light=torch.from_numpy(samples.light.astype(np.int64)),
        lamps=torch.from_numpy(np.where(samples.lamps == UNSEEN, -1, samples.lamps.astype(np.int64))).flatten(1),
        depth=torch.from_numpy(blocks_of_tokens(samples.depth)),
        classes=torch.from_numpy(blocks_of_tokens(samples.classes)),
    )


def blocks_of_tokens(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, tokens, blocks) of (N, rows, columns) values of blocks: those that each image token shows, row by row."""
    side = CELL_PX // BLOCK_PX
    count, rows, columns = plane.shape
    cells = plane.reshape(count, rows // side, side, columns // side, side).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(cells.reshape(count, -1, side * side))


class _PromptIds:
    """Token ids of prompts, each distinct text tokenised once."""

    def __init__(self, vla: Vla) -> None:
        self._vla = vla
        self._known: dict[str, list[int]] = {}
        camera, processor = vla.settings.camera, vla.processor
        unit = processor.image_processor.patch_size * processor.image_processor.merge_size
        self._image_tokens = (camera.width // unit) * (camera.height // unit)

    def __call__(self, prompt: str) -> list[int]:
        if prompt not in self._known:
            processor = self._vla.processor
            chat = messages(prompt, self._vla.settings.picture_count)
            text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            text = text.replace(processor.image_token, processor.image_token * self._image_tokens)
            self._known[prompt] = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[prompt]


def _answer_ids(vla: Vla, samples: Samples, row: int) -> list[int]:
    trajectory = samples.trajectory_ego[row]
    command = COMMANDS[samples.command[row]]
    direction, speed = meta_action(trajectory, float(samples.speed_mps[row]), command, vla.settings.step_s)
    text = format_answer(direction, speed, vla.codebook.encode(trajectory)) + END_OF_TURN
    return vla.processor.tokenizer(text, add_special_tokens=False)["input_ids"]


def repeats(samples: Samples, most: int = 6) -> np.ndarray:
    """(N,) int: how often each sample is shown in an epoch, so that what is rare and matters is learnt too.

    Cars standing before a junction that shall set off (the light is green) come as often as those that shall go on
    standing: else "standing" alone would mean "stand" (the copycat problem, arXiv 2010.14876). Lane changes come four
    times, the moments in and right before a turn three times: there a few centimetres a step decide.
    """
    step_m = np.linalg.norm(np.diff(samples.trajectory_ego[:, -2:, :2], axis=1), axis=-1)[:, 0]
    distance = samples.command_distance_m
    turns = [COMMANDS.index(one) for one in (RouteCommand.LEFT, RouteCommand.STRAIGHT, RouteCommand.RIGHT)]
    at_junction = np.isin(samples.command, turns) & (distance > BEFORE_M[0]) & (distance < BEFORE_M[1])
    standing = at_junction & (samples.speed_mps < STANDING_MPS)
    leaving = standing & (step_m > SETTING_OFF_M)
    staying = standing & ~leaving
    often = np.ones(len(samples), np.int64)
    often[leaving] = min(max(round(staying.sum() / max(leaving.sum(), 1)), 1), most)
    bends = [COMMANDS.index(RouteCommand.LEFT), COMMANDS.index(RouteCommand.RIGHT)]
    turning = np.isin(samples.command, bends) & (distance < TURNING_M) & (samples.speed_mps >= STANDING_MPS)
    often[turning] = 3
    changes = [COMMANDS.index(RouteCommand.CHANGE_LANE_LEFT), COMMANDS.index(RouteCommand.CHANGE_LANE_RIGHT)]
    often[np.isin(samples.command, changes)] = 4
    return often


def held_out_rows(samples: Samples, share: float) -> np.ndarray:
    """(N,) bool: samples of the groups kept for validation, chosen by a hash of the group alone."""
    scrambled = (samples.group.astype(np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    return scrambled < share * 2**32
