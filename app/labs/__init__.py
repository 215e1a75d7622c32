"""The labs: one live illustration a file, listed here explicitly."""

from collections.abc import Mapping
from typing import Any

from app.labs import (
    against_rnn,
    attention,
    attention_views,
    beam_search,
    bert_vs_gpt,
    complexity,
    cross_attention,
    encoder_decoder,
    feed_forward,
    gradient_accumulation,
    layer_norm,
    long_sequences,
    masked_lm,
    next_token,
    padding,
    path_length,
    positional_encoding,
    qkv_projection,
    residual,
    scaled_dot_product,
    self_attention,
    teacher_forcing,
    training_memory,
    training_run,
    vision_transformer,
)
from app.labs.illustration import Lab

LABS = {
    lab.name: lab
    for lab in map(
        Lab.of,
        (
            attention,
            self_attention,
            cross_attention,
            positional_encoding,
            beam_search,
            padding,
            gradient_accumulation,
            masked_lm,
            vision_transformer,
            next_token,
            bert_vs_gpt,
            attention_views,
            scaled_dot_product,
            residual,
            layer_norm,
            path_length,
            teacher_forcing,
            encoder_decoder,
            complexity,
            feed_forward,
            qkv_projection,
            training_memory,
            training_run,
            against_rnn,
            long_sequences,
        ),
    )
}

# Named by questions already, not built yet; a name moves out of here when its lab arrives.
PLANNED = frozenset(
    """
    sparse-attention linear-attention
    fine-tuning head-roles regularisation warmup tokenization subwords unknown-words
    attention-weights training-challenges model-parallel gradient-checkpointing attention-dropout
    evaluation transfer in-context distillation quantization failure-modes multilingual emergence
    modern-blocks cost
    """.split()
)


def check(name: str, params: Mapping[str, Any]) -> None:
    """Raise ValueError unless a lab of this name exists and takes `params`, or is planned."""
    if name in LABS:
        LABS[name].check_params(params)
    elif name not in PLANNED:
        raise ValueError(f"there is no lab {name!r}")
