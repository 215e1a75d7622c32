"""Padding: a batch of unequal lengths, and one at a time.

A tensor is rectangular. Shorter sentences are filled up with a padding token, or several sentences
are packed into one row; either way a mask must hide from a token what is not of its sentence. Then
every token comes out as it does alone. Take the mask off and it does not: what fills up, or stands
next door, takes its share of the softmax. In a packed row positions must begin anew as well.
Padding is computed like anything else, so sentences of similar length share a batch: put them in
random order and the waste comes back.
"""

from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams, Prediction, Table, UnfitInput
from app.labs.parts.batching import Order, show_batches
from app.labs.parts.ragged import Together, fill_up, measure_change, pack, pad, share_on_padding
from app.labs.parts.translation import heat_map
from model.checkpoint import Models
from model.decode import greedy
from model.translator import Translator

TOKENS = 90  # of all sentences together
CLOSE = 1e-4  # of a vector's length: sums in another order are rounded otherwise

PREDICT = Prediction(
    "The sentences are computed together as chosen. Which tokens come out otherwise than alone?",
    ("None.", "Those of some sentences.", "Those of all sentences."),
)


class Params(LabParams):
    sentences: Annotated[
        str,
        Field(
            title="Sentences",
            description="Two to six, each with its stop, with 90 tokens at most.",
            min_length=1,
            max_length=400,
        ),
    ] = "The cat sleeps. The red cars are not old. My sister sees a small dog in the big garden."
    view: Annotated[
        Literal["padded", "packed", "batches"],
        Field(
            title="View",
            description="Padded: a row each. Packed: one row for all. Batches: what padding wastes "
            "on 256 sentences of the training corpus.",
        ),
    ] = "padded"
    mask: Annotated[
        Literal["on", "off"],
        Field(title="Mask", description="On: scores of what is to be hidden are minus infinity."),
    ] = "on"
    positions: Annotated[
        Literal["begin anew", "run on"],
        Field(title="Positions", description="In the packed row, at each sentence's start."),
    ] = "begin anew"
    order: Annotated[
        Order,
        Field(title="Order", description="In which the 256 sentences are put into batches."),
    ] = "by length"
    size: Annotated[
        int, Field(title="Batch size", description="Sentences in one of the batches.", ge=2, le=64)
    ] = 16


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translator, masked = models.translator, params.mask == "on"
    if params.view == "batches":
        return show_batches(translator, params.order, params.size)
    texts, each = _encode(params.sentences, translator)
    if params.view == "packed":
        together = pack(translator, each, masked=masked, restart=params.positions == "begin anew")
        checks: tuple[Check, ...] = (_none_wasted(each),)
    else:
        together = pad(translator, each, masked=masked)
        checks = (
            _more_changes_nothing(translator, each, together, masked=masked),
            _zero_is_no_mask(together, each),
            _loss_stands(translator, each, together, masked=masked, texts=texts),
        )
    alone = [translator.network.encode(ids[None])[0] for ids in each]  # (n, C) each
    moved = measure_change(together.outputs, alone)
    tokens = [translator.tokenizer.pieces(ids.tolist()) for ids in each]
    which = "packed row" if params.view == "packed" else "shortest row"
    return Illustration(
        figures=(
            _grid(moved, tokens, "" if params.view == "packed" else "<pad>"),
            heat_map(
                together.pattern,
                together.tokens[: len(together.pattern)],
                together.tokens,
                f"Attention in the {which}, layer 1",
                ("token that asks", "slot that is read"),
            ),
        ),
        reading=_reading(params, moved, together),
        checks=(_as_alone(moved), _hidden(together), *checks),
        table=_table(moved, tokens, padded=params.view == "padded"),
        outcome=_outcome(moved),
    )


def _encode(text: str, translator: Translator) -> tuple[list[str], list[Tensor]]:
    """The sentences of `text`, and the ids (n,) of each."""
    parts = text.replace("?", "?\n").replace(".", ".\n").splitlines()
    texts = [part for part in parts if any(map(str.isalnum, part))]
    try:
        each = [translator.encode(part, "fr")[0] for part in texts]
    except ValueError as error:
        raise UnfitInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    total = sum(map(len, each))
    if not 2 <= len(each) <= 6 or total > TOKENS:
        raise UnfitInput(
            f"{len(each)} sentences with {total} tokens; write 2 to 6, with {TOKENS} at most."
        )
    return texts, each


def _table(moved: list[Tensor], tokens: list[list[str]], *, padded: bool) -> Table:
    longest = max(map(len, tokens))
    return Table(
        ("sentence", "tokens", "padding", "largest change"),
        tuple(
            (
                " ".join(row[1:]),
                len(row),
                longest - len(row) if padded else 0,
                float(f"{float(change.max()):.2g}"),
            )
            for row, change in zip(tokens, moved, strict=True)
        ),
    )


def _outcome(moved: list[Tensor]) -> int:
    count = sum(float(change.max()) > CLOSE for change in moved)
    return 0 if count == 0 else 2 if count == len(moved) else 1


def _grid(moved: list[Tensor], tokens: list[list[str]], filler: str) -> go.Figure:
    """A row for each sentence, a cell for each token, by how far it moved."""
    longest = max(map(len, tokens))
    figure = go.Figure(
        go.Heatmap(
            z=[[*change.tolist(), *[None] * (longest - len(change))] for change in moved],
            text=[[*row, *[filler] * (longest - len(row))] for row in tokens],
            texttemplate="%{text}",
            hovertemplate="%{text}: %{z:.2g}<extra></extra>",
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_layout(
        template=None,
        title={"text": "How far each token is from what it is alone"},
        height=170 + 38 * len(moved),
        coloraxis={
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "change ÷ length"}, "thickness": 12},
        },
        xaxis={
            "title": {"text": "place (tokens after the tag)"},
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={
            "title": {"text": "sentence"},
            "tickvals": list(range(len(moved))),
            "ticktext": [str(i + 1) for i in range(len(moved))],
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure


def _reading(params: Params, moved: list[Tensor], together: Together) -> str:
    hides = "masked" if params.mask == "on" else "not masked"
    changes = ", ".join(f"{float(change.max()):.2g}" for change in moved)
    if params.view == "packed":
        return (
            f"{len(moved)} sentences share a row of {len(together.tokens)} tokens; other sentences "
            f"are {hides}, positions {params.positions}. The largest change of a token, as a share "
            f"of its vector's length, sentence by sentence: {changes}."
        )
    slots = len(together.tokens)
    filler = 1 - sum(map(len, moved)) / (slots * len(moved))
    return (
        f"{len(moved)} rows of {slots} slots: {filler:.0%} of all slots are padding, {hides}. The "
        f"largest change of a token, as a share of its vector's length, row by row: {changes}. In "
        f"the shortest row a token gives {share_on_padding(together.pattern):.0%} of its attention "
        "in layer 1 to padding, by the mean of the heads."
    )


def _as_alone(moved: list[Tensor]) -> Check:
    change = max(float(change.max()) for change in moved)
    return Check(
        "Every real token comes out as it does alone.",
        f"largest change, as a share of the vector's length: {change:.1e}",
        change < CLOSE,
    )


def _hidden(together: Together) -> Check:
    return Check(
        "No token reads what is not of its sentence.",
        f"largest weight on such a slot in layer 1: {together.foreign:.2g}",
        together.foreign == 0,
    )


def _none_wasted(each: list[Tensor]) -> Check:
    packed, padded = sum(map(len, each)), len(each) * max(map(len, each))
    return Check(
        "A packed row computes fewer slots than padded rows.",
        f"{packed} against {padded}",
        packed <= padded,
    )


def _more_changes_nothing(
    translator: Translator, each: list[Tensor], together: Together, *, masked: bool
) -> Check:
    room = min(16, translator.network.config.limit - max(map(len, each)))
    more = pad(translator, each, masked=masked, extra=room)
    moved = measure_change(more.outputs, together.outputs)
    change = max(float(change.max()) for change in moved)
    return Check(
        "More padding changes nothing.",
        f"{room} more slots in every row: largest change {change:.1e}",
        change < CLOSE,
    )


def _zero_is_no_mask(together: Together, each: list[Tensor]) -> Check:
    _, real = fill_up(each, 0, together.trace["encoder.output"].shape[1] - max(map(len, each)))
    row = min(range(len(each)), key=lambda i: len(each[i]))
    scores = together.trace["encoder.0.self_attention.scores"][row]  # (H, N, N)
    shares = [
        share_on_padding(
            scores.masked_fill(~real[row], score).softmax(-1).mean(0)[: len(each[row])]
        )
        for score in (0.0, -torch.inf)
    ]
    return Check(
        "A score of zero does not hide padding, minus infinity does.",
        f"share on padding in the shortest row, layer 1: {shares[0]:.2f} and {shares[1]:.2f}",
        shares[1] == 0 and (shares[0] > 0 or bool(real.all())),
    )


def _loss_stands(
    translator: Translator,
    each: list[Tensor],
    together: Together,
    *,
    masked: bool,
    texts: list[str],
) -> Check:
    """The loss of the model's own translations, alone and together; padding is left out or not."""
    network, pad = translator.network, translator.tokenizer.pad
    own = [translator.translate(text, "fr") for text in texts]
    alone = [_losses(network(t.source_ids, t.target_ids)[0], t.output_ids) for t in own]
    _, real = fill_up(each, pad)
    targets, _ = fill_up([t.output_ids for t in own], pad)  # (B, T)
    reads, _ = fill_up([t.target_ids[0] for t in own], pad)  # (B, T)
    memory = together.trace["encoder.output"]  # (B, N, C)
    logits = network.decode(reads, memory, real=real if masked else None)  # (B, T, V)
    losses = _losses(logits.flatten(0, 1), targets.flatten())  # (B*T,)
    counts = targets.flatten() != pad
    one_by_one, right = float(torch.cat(alone).mean()), float(losses[counts].mean())
    start = torch.full((len(each), 1), translator.tokenizer.bos)
    found = greedy(
        network, start, end=translator.tokenizer.eos, source=memory, real=real if masked else None
    )
    other = sum(f.ids != t.output_ids.tolist() for f, t in zip(found, own, strict=True))
    return Check(
        "Averaged over real targets, the loss is that of the sentences one by one.",
        f"{right:.4f} against {one_by_one:.4f}; averaged over padding too "
        f"{float(losses.mean()):.2f}; {other} of {len(own)} translations are others than alone",
        abs(right - one_by_one) < CLOSE,
    )


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each target (T,) under `logits` (T, V)."""
    return F.cross_entropy(logits, targets, reduction="none")  # (T,)
