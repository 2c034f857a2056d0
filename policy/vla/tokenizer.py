"""The small model's own tokenizer: byte-level BPE over the words of prompts and answers, and one token per action code.

It is trained on every prompt and answer that can occur, so that each label, word and number is one token and a whole
frame needs few. Names and roles of the special tokens are Qwen's, so that its processor and chat template fit.
"""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from policy.vla.answer import action_token, format_answer
from policy.vla.observation import all_prompts
from recorder.schema import Direction, SpeedAction

END_OF_TURN = "<|im_end|>"
PAD = "<|endoftext|>"
SPECIAL_TOKENS = (
    PAD,
    "<|im_start|>",
    END_OF_TURN,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_PIECES = Regex(r" ?\d+(?:\.\d+)?| ?[^\s\d.,<]+|\s|.")
"""Numbers whole, words with the space before them, the rest one by one."""


def make_tokenizer(codes: int, chat_template: str) -> PreTrainedTokenizerFast:
    """A tokenizer with `codes` action tokens `<act_0>` … as special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,  # more than the merges there are: every piece becomes one token
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TURN,
        pad_token=PAD,
        extra_special_tokens=[token for token in SPECIAL_TOKENS if token not in (END_OF_TURN, PAD)],
    )
    add_action_tokens(fast, codes)
    fast.chat_template = chat_template
    return fast


def add_action_tokens(tokenizer: PreTrainedTokenizerBase, codes: int) -> int:
    """Add the action tokens that are missing; returns how many were added."""
    known = tokenizer.get_vocab()
    missing = [action_token(index) for index in range(codes) if action_token(index) not in known]
    if not missing:
        return 0
    return tokenizer.add_special_tokens({"extra_special_tokens": missing}, replace_extra_special_tokens=False)


def _corpus() -> list[str]:
    answers = [format_answer(direction, speed, ()) for direction in Direction for speed in SpeedAction]
    return [*all_prompts(), *answers, "user\n", "assistant\n", "system\n"]
