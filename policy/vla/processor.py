"""Pictures and chat to tensors, without torchvision.

Transformers' processors of Qwen2.5-VL and Qwen3-VL need a video processor, and with it torchvision, which has no CPU
build to go with CPU torch. Pictures need neither: this is the same processor over the PIL image processor. Both
families put a picture into the text in the same way; patch size and normalisation come with the image processor.
"""

from __future__ import annotations

from pathlib import Path

from transformers import AutoProcessor, AutoTokenizer, PreTrainedTokenizerBase
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLConfig
from transformers.processing_utils import ProcessorMixin

PATCH_PX = 16
MERGE = 2
TEMPORAL_PATCH = 2
IMAGE_TOKEN = "<|image_pad|>"  # noqa: S105 - a word of the vocabulary
VIDEO_TOKEN = "<|video_pad|>"  # noqa: S105

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen's chat format without its default system message, which would cost twenty tokens in every frame."""


class VlaProcessor(Qwen2_5_VLProcessor):
    """The processor of Qwen2.5-VL and Qwen3-VL for images and text only; TRL's trainers take it, too."""

    def __init__(
        self,
        image_processor: Qwen2VLImageProcessorPil | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        chat_template: str | None = None,
        **_unused: object,
    ) -> None:
        if tokenizer is None or image_processor is None:
            raise ValueError("the processor needs an image processor and a tokenizer")
        self.image_token = IMAGE_TOKEN
        self.video_token = VIDEO_TOKEN
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


for _config in (Qwen2_5_VLConfig, Qwen3VLConfig):
    AutoProcessor.register(_config, VlaProcessor, exist_ok=True)


def make_image_processor(width: int, height: int, patch_size: int = PATCH_PX) -> Qwen2VLImageProcessorPil:
    """An image processor that brings every picture of this shape to exactly `width` x `height`."""
    unit = patch_size * MERGE
    if width % unit or height % unit:
        raise ValueError(f"camera {width}x{height}: both sides must be multiples of {unit} pixels")
    return Qwen2VLImageProcessorPil(
        patch_size=patch_size,
        merge_size=MERGE,
        temporal_patch_size=TEMPORAL_PATCH,
        size={"shortest_edge": width * height, "longest_edge": width * height},
    )


def load_processor(folder: str | Path) -> VlaProcessor:
    """The processor of a policy's folder, or of a model's by hub name; OSError where tokenizer or settings lack."""
    folder = str(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    return VlaProcessor(image_processor, tokenizer, chat_template=tokenizer.chat_template or CHAT_TEMPLATE)
