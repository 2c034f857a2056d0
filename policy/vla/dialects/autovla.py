"""AutoVLA's dialect (arXiv 2506.13757, github.com/ucla-mobility/AutoVLA): three videos of four frames, ten tokens.

The words are those of its `models/autovla.py` and `dataset_utils/sft_dataset.py`, for its published weights know no
others. Its tokens `<action_0>` to `<action_2047>` are `<act_0>` to `<act_2047>` here, with the same numbers where its
base model is Qwen2.5-VL with the hub's vocabulary. The model chooses between fast and slow thinking by its first line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from policy.vla.answer import AnswerError, action_token
from policy.vla.codebook import Codebook
from policy.vla.dialects.dialect import Dialect, Spoken
from policy.vla.observation import Observation
from recorder.schema import RouteCommand

if TYPE_CHECKING:
    from policy.vla.writer import Writer

INSTRUCTIONS = {
    RouteCommand.LANE_FOLLOW: "keep forward",
    RouteCommand.STRAIGHT: "keep forward",
    RouteCommand.LEFT: "turn left",
    RouteCommand.RIGHT: "turn right",
    RouteCommand.CHANGE_LANE_LEFT: "turn left",
    RouteCommand.CHANGE_LANE_RIGHT: "turn right",
}
"""nuPlan's commands, as its agent writes them; left and right cover lane changes there, too."""
INSTRUCTION_FROM_M = 20.0
"""A manoeuvre further ahead is not told yet: nuPlan's commands are about what begins soon."""
_SYSTEM = (
    "You are an Advanced Driver Assistance and Full Self-Driving System. "
    "You will receive visual observations from the ego vehicle’s cameras and dynamic information about the vehicle’s "
    "current state. Your task is to predict the optimal driving action for the next five seconds.\n\n"
    "First, carefully analyze the surrounding environment by considering traffic lights, the movements of other "
    "vehicles and pedestrians, lane markings, and any other relevant factors.\n\n"
    "If necessary, use step-by-step reasoning (Chain-of-Thought) to arrive at the best driving action. Otherwise, you "
    "may directly predict the final driving action.\n\n"
    "Structure your reasoning as follows:\n"
    "1. **Scene Analysis**: Describe the traffic situation, including relevant environmental cues such as traffic "
    "lights, lane markings, and the behaviors of surrounding vehicles or pedestrians.\n"
    "2. **Identification of Critical Objects**: Identify two to three critical road users or obstacles, specifying "
    "their relative positions to the ego vehicle.\n"
    "3. **Prediction of Critical Object Behavior**: Predict the potential movements of the identified critical "
    "objects.\n"
    "4. **Ego Vehicle Intent Reasoning**: Based on the observed environment and current vehicle state, reason about "
    "the desired intent of the ego vehicle.\n"
    "5. **Final Action Decision**: Select one lateral action and one longitudinal action:\n"
    "- **Lateral actions** (choose exactly one): [move forward, turn left, change lane to left, turn right, change "
    "lane to right]\n"
    "- **Longitudinal actions** (choose exactly one): [stop, deceleration to zero, maintain constant speed, quick "
    "deceleration, deceleration, quick acceleration, acceleration]\n\n"
    "Present the final action clearly after your reasoning steps."
)
_SYSTEM_FAST = (
    "You are an Advanced Driver Assistance and Full Self-Driving System. You will be provided with video observations "
    "from the ego vehicle’s surrounding cameras, along with the vehicle’s current dynamic states. Your task is to "
    "predict the most appropriate driving action for the next five seconds."
)
_CAMERAS = (
    "The autonomous vehicle is equipped with three cameras mounted at the front, left, and right, enabling a "
    "comprehensive perception of the surrounding environment."
)
_VIDEOS = tuple(
    f"The {number} video presents the {view} view of the vehicle, comprising four sequential frames sampled at 2 Hz."
    for number, view in (("first", "front"), ("second", "front-left"), ("third", "front-right"))
)
_ACTION = "<answer>\nThe final output action is: "
_END = "\n</answer>"
_STRAIGHTFORWARD = "This is a straightforward scenario, and a direct decision can be made.\n</think>\n"
_COMPLEX = "This is a complex scenario requiring additional reasoning.\n"
_THOUGHT = "</think>"
FAST, SLOW = f"<think>\n{_STRAIGHTFORWARD}{_ACTION}", f"<think>\n{_COMPLEX}"
PLAIN = _ACTION
"""The beginning of an answer of a policy that never reasons."""
_TOKENS = re.compile(r"<act_(\d+)>")
_VIDEO = "<|vision_start|><|video_pad|><|vision_end|>"
_FRAMES_A_PATCH = 2
"""Qwen2.5-VL reads the frames of a video in pairs."""


class AutoVla(Dialect):
    """``<think>…</think>``, ``<answer>The final output action is: <act_…>…</answer>``."""

    shows_videos = True

    def prompt(self, observation: Observation) -> str:
        """Speed, acceleration and instruction in its words."""
        near = observation.command_distance_m <= INSTRUCTION_FROM_M
        command = observation.command if near else RouteCommand.LANE_FOLLOW
        acceleration = float(np.hypot(*observation.acceleration_mps2))
        return (
            f"The current velocity of the vehicle is {observation.speed_mps:.3f} m/s, and the current acceleration is "
            f"{acceleration:.3f} m/s². The driving instruction is: {INSTRUCTIONS[command]}. Based on this "
            "information, plan the action trajectory for the autonomous vehicle over the next five seconds."
        )

    def messages(self, prompt: str) -> list[dict[str, Any]]:
        """System and user message, with a part for each video."""
        parts: list[dict[str, str]] = [{"type": "text", "text": _CAMERAS}]
        for words in _VIDEOS:
            parts += [{"type": "text", "text": words}, {"type": "video"}]
        system = _SYSTEM if self.settings.reasoning_tokens else _SYSTEM_FAST
        return [
            {"role": "system", "content": [{"type": "text", "text": system}]},
            {"role": "user", "content": [*parts, {"type": "text", "text": prompt}]},
        ]

    def inputs(self, processor: Any, images_rgb: Sequence[NDArray[np.uint8]], prompt: str) -> Any:
        """The question with its videos, as Transformers' video processor would make them, which needs torchvision."""
        import torch  # not in the session's process, which only sends the words
        from transformers import BatchFeature

        frames = self.settings.history.pictures
        videos = [images_rgb[first : first + frames] for first in range(0, len(images_rgb), frames)]
        pixels, grids = zip(*(_video(processor.image_processor, video) for video in videos), strict=True)
        merged = processor.image_processor.merge_size**2
        text = self._chat(prompt, [int(np.prod(grid)) // merged for grid in grids])
        ids = torch.tensor([processor.tokenizer(text, add_special_tokens=False)["input_ids"]])
        kinds = (ids == processor.video_token_id).long() * 2  # as Transformers counts them: 0 text, 1 image, 2 video
        seconds = _FRAMES_A_PATCH * self.settings.history.step_s
        return BatchFeature(
            {
                "input_ids": ids,
                "attention_mask": torch.ones_like(ids),
                "mm_token_type_ids": kinds,
                "pixel_values_videos": torch.cat(pixels),
                "video_grid_thw": torch.tensor(grids),
                "second_per_grid_ts": torch.full((len(grids),), seconds),
            }
        )

    def write(self, writer: Writer) -> Spoken:
        """Fast or slow thinking as the model chooses, then ten tokens."""
        reasoning = ""
        if not self.settings.reasoning_tokens:
            writer.forced(PLAIN)
        elif writer.one_of((FAST, SLOW)) == SLOW:
            reasoning = writer.free(self.settings.reasoning_tokens, _THOUGHT, "\n").strip()
            writer.forced("\n" + _ACTION)
        return Spoken(None, None, writer.actions(self.settings.horizon), reasoning)

    def format(self, spoken: Spoken) -> str:
        """The text. Raises ValueError for reasoning that holds its own end."""
        if _THOUGHT in spoken.reasoning:
            raise ValueError(f"reasoning cannot hold {_THOUGHT}")
        actions = "".join(action_token(token) for token in spoken.tokens) + _END
        if not self.settings.reasoning_tokens:
            return PLAIN + actions
        return f"{SLOW}{spoken.reasoning}\n{_THOUGHT}\n{_ACTION}{actions}" if spoken.reasoning else FAST + actions

    def parse(self, text: str) -> Spoken:
        """What the text says; raises AnswerError."""
        reasoning, rest = "", text
        if text.startswith(SLOW):
            thought, found, rest = text.removeprefix(SLOW).partition(f"{_THOUGHT}\n")
            reasoning, rest = thought.strip(), (rest if found else "")
        elif text.startswith(FAST):
            rest = text.removeprefix(FAST.removesuffix(_ACTION))
        if not rest.startswith(_ACTION) or not rest.endswith(_END):
            raise AnswerError(f"not an answer of AutoVLA (<think>…</think>, <answer>…</answer>): {text[:120]!r}")
        actions = rest.removeprefix(_ACTION).removesuffix(_END)
        tokens = tuple(int(number) for number in _TOKENS.findall(actions))
        if "".join(action_token(token) for token in tokens) != actions or len(tokens) != self.settings.horizon:
            raise AnswerError(f"an answer of AutoVLA has {self.settings.horizon} action tokens, not {actions[:120]!r}")
        return Spoken(None, None, tokens, reasoning)

    def spoken_of(
        self,
        path_ego: NDArray[np.floating],
        codebook: Codebook,
        speed_mps: float,  # noqa: ARG002 - its answers name no manoeuvre
        command: RouteCommand,  # noqa: ARG002
    ) -> Spoken:
        """The fast answer to what was driven."""
        return Spoken(None, None, codebook.encode(path_ego))

    def _chat(self, prompt: str, sizes: Sequence[int]) -> str:
        """Qwen's chat with its numbers of videos, as `add_vision_id` writes them."""
        text = ""
        left = list(sizes)
        for message in self.messages(prompt):
            text += f"<|im_start|>{message['role']}\n"
            for part in message["content"]:
                if part["type"] == "video":
                    pads = "<|video_pad|>" * left.pop(0)
                    text += f"Video {len(sizes) - len(left)}: " + _VIDEO.replace("<|video_pad|>", pads)
                else:
                    text += part["text"]
            text += "<|im_end|>\n"
        return text + "<|im_start|>assistant\n"


def _video(eye: Any, frames: Sequence[NDArray[np.uint8]]) -> tuple[Any, tuple[int, int, int]]:
    """Patches of a video, and its grid (pairs of frames, rows, columns).

    A picture is a video of two equal frames, so that the halves of a patch can be taken from the pictures of its two.
    """
    import torch

    seen = eye(images=list(frames), return_tensors="pt")
    rows, columns = (int(size) for size in seen["image_grid_thw"][0][1:])
    side = eye.patch_size
    patches = seen["pixel_values"].reshape(len(frames), rows * columns, 3, _FRAMES_A_PATCH, side, side)
    pairs = [torch.stack([patches[at, :, :, 0], patches[at + 1, :, :, 1]], dim=2) for at in range(0, len(frames), 2)]
    return torch.cat([pair.flatten(1) for pair in pairs]), (len(pairs), rows, columns)
