"""Cross-attention: each output word reads the source.

A translator writes French and you see which English word each French word reads. Queries come
from the decoder, keys and values from the encoder, so the map has a row for each token written and
a column for each token read. Where French orders words otherwise, the bright cells leave the
diagonal. Silence the encoder and the claim breaks: with nothing to read, every row is flat and the
translation has nothing to do with the sentence. The decoder can be made to read French of yours in
place of its own.
"""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, UnfitInput
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
from model.trace import Trace
from model.translator import Translation


class Params(LabParams):
    sentence: Sentence = "The red cars are not old."
    layer: Layer = "2"
    head: Head = "mean"
    encoder: Annotated[
        Literal["on", "off"],
        Field(title="Encoder", description="Off: the decoder reads zeros in its place."),
    ] = "on"
    written: Annotated[
        str,
        Field(
            title="French to read",
            description="What the decoder reads; empty: its own translation.",
            max_length=300,
            json_schema_extra={"aside": True},
        ),
    ] = ""


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    network = models.translator.network
    translation = _translation(params, models)
    encoded = network.encode(translation.source_ids)  # (1, S, C)
    read = encoded if params.encoder == "on" else torch.zeros_like(encoded)
    trace: Trace = {}
    logits = network.decode(translation.target_ids, read, trace=trace)  # (1, T, V)
    module = f"decoder.{int(params.layer) - 1}.cross_attention"
    pattern = select(trace[f"{module}.pattern"], params.head)  # (T, S)

    other = with_another_end(translation.target_ids, network.config.vocabulary)
    other_trace: Trace = {}
    network.decode(other, read, trace=other_trace)
    silenced = network.decode(translation.target_ids, torch.zeros_like(encoded))
    return Illustration(
        figures=(
            heat_map(
                pattern,
                translation.output_tokens,
                translation.source_tokens,
                f"Cross-attention, {describe(params.layer, params.head)}",
                ("French token being written", "English token read"),
            ),
        ),
        reading=_reading(params, translation, pattern, logits),
        checks=(
            _recomposes(trace, module),
            _keys_are_the_encoders(trace, other_trace, module),
            _aligns(pattern),
            _depends_on_source(logits, silenced),
        ),
        table=weights_table(
            pattern, translation.output_tokens, translation.source_tokens, "written ↓ read →"
        ),
        notes=notes(params.sentence, translation, models),
    )


def _translation(params: Params, models: Models) -> Translation:
    """The model's own translation, or what is written in its place."""
    own, translator = translate(params.sentence, models), models.translator
    if not params.written.strip():
        return own
    try:
        ids = translator.encode(params.written, target="fr", source="fr")[0, 1:].tolist()
    except ValueError as error:
        raise UnfitInput(f"French: {error}.") from error
    ids = [*ids, translator.tokenizer.eos]
    return translator.describe(own.source_ids, ids, params.sentence, "fr")


def _reading(params: Params, translation: Translation, pattern: Tensor, logits: Tensor) -> str:
    if params.encoder == "off":
        chosen = logits[0].argmax(dim=-1)  # (T,)
        kept = int((chosen == translation.output_ids).sum())
        return (
            f"With the encoder silenced each token would be chosen right at {kept} of "
            f"{len(chosen)} places only, and the largest weight anywhere is "
            f"{float(pattern.max()):.2f}: there is nothing to prefer."
        )
    weights, places = pattern.max(dim=-1)  # (T,)
    words = [row for row, token in enumerate(translation.output_tokens) if token.isalpha()]
    order = sorted(sorted(words, key=lambda row: -float(weights[row]))[:3])
    pairs = ", ".join(
        f"“{translation.output_tokens[row]}” reads “{translation.source_tokens[places[row]]}” "
        f"({float(weights[row]):.2f})"
        for row in order
    )
    back = [row for row in range(1, len(places)) if places[row] < places[row - 1]]
    turn = (
        f" The alignment runs backwards at “{translation.output_tokens[back[0]]}”: "
        "the two languages order these words differently."
        if back
        else " The alignment runs straight on: both languages have the same order here."
    )
    begin = f"The model writes “{translation.text}”."
    if params.written.strip():
        chosen = logits[0].log_softmax(dim=-1).gather(1, translation.output_ids[:, None])  # (T, 1)
        total = float(chosen.sum())
        begin = f"The decoder reads “{translation.text}”, of log-probability {total:.4f}."
    return f"{begin} Clearest here: {pairs}.{turn}"


def _recomposes(trace: Trace, module: str) -> Check:
    expected = F.scaled_dot_product_attention(
        trace[f"{module}.queries"], trace[f"{module}.keys"], trace[f"{module}.values"]
    )
    difference = float((expected - trace[f"{module}.heads"]).abs().max())
    return Check(
        "Softmax of queries times keys over √dₖ, times values, is what the heads put out.",
        f"largest difference from PyTorch's own attention: {difference:.1e}",
        difference < 1e-5,
    )


def _keys_are_the_encoders(trace: Trace, other: Trace, module: str) -> Check:
    moved = {
        part: float((trace[f"{module}.{part}"] - other[f"{module}.{part}"]).abs().max())
        for part in ("queries", "keys", "values")
    }
    return Check(
        "Queries come from the decoder; keys and values do not.",
        "another last target token moves queries by "
        f"{moved['queries']:.2f}, keys by {moved['keys']:.1f}, values by {moved['values']:.1f}",
        moved["queries"] > 0 and moved["keys"] == 0 and moved["values"] == 0,
    )


def _aligns(pattern: Tensor) -> Check:
    clear = int((pattern.max(dim=-1).values > 0.5).sum())
    return Check(
        "Most tokens written read one source token above all.",
        f"{clear} of {len(pattern)} rows put more than half their weight on one token",
        2 * clear > len(pattern),
    )


def _depends_on_source(logits: Tensor, silenced: Tensor) -> Check:
    change = float((logits - silenced).abs().max())
    return Check(
        "What is written depends on what the encoder read.",
        f"silencing the encoder changes a logit by up to {change:.1f}",
        change > 1,
    )
