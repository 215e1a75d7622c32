"""Self-attention: each token gathers from the others.

Every token of one sequence asks with its query, is found by its key and hands over its value. In
the encoder a token may look both ways; in the decoder a mask hides what comes later, so that
training on all positions at once never shows a position its own answer. Take the mask off and
earlier outputs begin to depend on later words; take the scale off and the softmax hardens.
"""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction
from app.labs.parts.translation import (
    Head,
    Layer,
    Sentence,
    describe,
    heat_map,
    notes,
    select,
    translate,
    weights_table,
    with_another_end,
)
from model.checkpoint import Models
from model.config import Switches
from model.trace import Trace
from model.transformer import Transformer


class Params(LabParams):
    sentence: Sentence = "The red cars are not old."
    stack: Annotated[
        Literal["encoder", "decoder"],
        Field(title="Stack", description="The encoder reads English; the decoder writes French."),
    ] = "encoder"
    layer: Layer = "1"
    head: Head = "1"
    mask: Annotated[
        Literal["causal", "none"],
        Field(title="Decoder's mask", description="The encoder has none either way."),
    ] = "causal"
    scale: Annotated[
        Literal["on", "off"],
        Field(title="Scale", description="On: scores are divided by √dₖ before the softmax."),
    ] = "on"


PREDICT = Prediction(
    "The last token becomes another one. At how many of the tokens before it does the stack's "
    "output change?",
    ("At none.", "At some.", "At all."),
)


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    network = models.translator.network
    translation = translate(params.sentence, models)
    switches = Switches(mask=params.mask, scale=params.scale == "on")
    trace: Trace = {}
    source, target = translation.source_ids, translation.target_ids
    logits = network(source, target, trace=trace, switches=switches)
    module = f"{params.stack}.{int(params.layer) - 1}.self_attention"
    pattern = select(trace[f"{module}.pattern"], params.head)  # (T, T)
    decodes = params.stack == "decoder"
    tokens = translation.target_tokens if decodes else translation.source_tokens
    ahead = float(pattern.triu(diagonal=1).max())
    looks = (
        (
            _never_ahead(ahead),
            _earlier_logits_stand(network, source, target, logits, switches),
        )
        if decodes
        else (_both_ways(pattern),)
    )
    return Illustration(
        figures=(
            heat_map(
                pattern,
                tokens,
                tokens,
                f"Self-attention in the {params.stack}, {describe(params.layer, params.head)}",
                ("token that asks", "token that is read"),
            ),
        ),
        reading=_reading(params, pattern, tokens),
        checks=(_sums_to_one(pattern), _equals_reference(trace, module, decodes), *looks),
        table=weights_table(pattern, tokens, tokens, "asks ↓ reads →"),
        notes=notes(params.sentence, translation, models),
        outcome=_outcome(network, params.stack, source, target, trace, switches),
    )


def _outcome(
    network: Transformer, stack: str, source: Tensor, target: Tensor, own: Trace, switches: Switches
) -> int:
    """At how many tokens the output moves when the stack's last token becomes another."""
    trace: Trace = {}
    vocabulary = network.config.vocabulary
    if stack == "encoder":
        network.encode(with_another_end(source, vocabulary), trace=trace, switches=switches)
    else:
        network(source, with_another_end(target, vocabulary), trace=trace, switches=switches)
    name = f"{stack}.output"
    moved = (trace[name] - own[name])[0, :-1].abs().amax(dim=-1) > 1e-4  # (1, T, C) -> (T - 1,)
    return 0 if not moved.any() else 2 if moved.all() else 1


def _reading(params: Params, pattern: Tensor, tokens: list[str]) -> str:
    entropy = -(pattern * pattern.clamp_min(1e-12).log2()).sum(dim=-1)  # (T,)
    apart = pattern - torch.diag(pattern.diagonal())
    row, column = divmod(int(apart.argmax()), len(tokens))
    itself = float(pattern.diagonal().mean())
    return (
        f"The strongest look at another token: “{tokens[row]}” gives “{tokens[column]}” "
        f"{float(apart.max()):.2f} of its attention. On average a token keeps {itself:.2f} for "
        f"itself, and a row spreads over {2 ** float(entropy.mean()):.1f} tokens "
        f"(entropy {float(entropy.mean()):.2f} bits, scale {params.scale})."
    )


def _sums_to_one(pattern: Tensor) -> Check:
    off = float((pattern.sum(dim=-1) - 1).abs().max())
    return Check("Every row sums to 1.", f"largest deviation: {off:.1e}", off < 1e-5)


def _equals_reference(trace: Trace, module: str, causal: bool) -> Check:
    expected = F.scaled_dot_product_attention(
        trace[f"{module}.queries"],
        trace[f"{module}.keys"],
        trace[f"{module}.values"],
        is_causal=causal,
    )
    difference = float((expected - trace[f"{module}.heads"]).abs().max())
    return Check(
        "The heads put out softmax(QKᵀ/√dₖ)V" + (" under a causal mask." if causal else "."),
        f"largest difference from PyTorch's own attention: {difference:.1e}",
        difference < 1e-5,
    )


def _both_ways(pattern: Tensor) -> Check:
    later = float(pattern.triu(diagonal=1).sum() / len(pattern))
    earlier = float(pattern.tril(diagonal=-1).sum() / len(pattern))
    return Check(
        "A token of the encoder reads both ways.",
        f"share of attention on later tokens {later:.2f}, on earlier ones {earlier:.2f}",
        later > 0.01 and earlier > 0.01,
    )


def _never_ahead(ahead: float) -> Check:
    return Check(
        "No token reads a later one.",
        f"largest weight on a later token: {ahead:.2f}",
        ahead == 0,
    )


def _earlier_logits_stand(
    network: Transformer, source: Tensor, target: Tensor, logits: Tensor, switches: Switches
) -> Check:
    other = with_another_end(target, network.config.vocabulary)
    changed = network(source, other, switches=switches)
    change = float((changed - logits)[:, :-1].abs().max()) if target.shape[1] > 1 else 0.0
    return Check(
        "Another last token leaves every earlier logit as it was.",
        f"largest change of an earlier logit: {change:.1e}",
        change == 0,
    )
