"""Long sequences: texts longer than any in training.

Five decoders that differ only in how they know where a token stands learned from texts of 64
tokens. Each foretells the same last tokens with more and more text before them. Learned places past
the 64th are as they began; sinusoids and rotations are defined for any place and fail all the same,
because no such place was ever trained. ALiBi's penalty on distance goes on in a straight line, and
so does its reader. A window of attention helps where distance counts, not where the place itself
does; chunks with places that begin anew help all, and lose what stood before.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from app.labs.illustration import (
    Check,
    Chosen,
    Illustration,
    LabParams,
    Prediction,
    Table,
)
from app.labs.parts.bands import LEGEND
from app.labs.parts.schemes import title_of
from app.labs.parts.windows import read
from model.checkpoint import Models
from model.config import PositionKind
from model.tasks.lengths import LENGTH, SCHEMES, unseen
from model.transformer import Transformer

TEXTS, TOGETHER = 8, 4  # texts, and how many are read at a time
LAST = 32  # tokens that are foretold
RISES = 0.5  # nats, where a scheme fails
STAYS = 0.05
FAILING: tuple[frozenset[PositionKind], ...] = (
    frozenset(),
    frozenset({"learned", "sinusoidal"}),
    frozenset({"learned", "sinusoidal", "rope"}),
    frozenset(SCHEMES),
)

PREDICT = Prediction(
    "The text becomes longer than any in training, read as chosen. With which positions does the "
    "loss rise by more than half a nat?",
    (
        "With none of the five.",
        "With learned and sinusoidal ones.",
        "With learned and sinusoidal ones and RoPE.",
        "With all five.",
    ),
)


class Params(LabParams):
    longest: Annotated[
        Literal["128", "256", "512"],
        Chosen,
        Field(title="Longest text", description=f"In tokens; {LENGTH} in training."),
    ] = "256"
    reads: Annotated[
        Literal["all at once", "window", "chunks"],
        Field(
            title="Read",
            description="All at once; each token only a window before it, in each layer; or in "
            "chunks whose places begin anew.",
        ),
    ] = "all at once"
    span: Annotated[
        int,
        Field(
            title="Window or chunk",
            description="Its length in tokens.",
            ge=LAST,
            le=256,
        ),
    ] = LENGTH


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    longest = int(params.longest)
    words = models.length("none").details["words"]
    tokens = unseen(words, count=TEXTS)  # (B, T + 1)
    lengths = [length for length in (32, 64, 96, 128, 256, 512) if length <= longest]
    losses = {
        scheme: [
            float(foretell(models.length(scheme).network, tokens, length, params).mean())
            for length in lengths
        ]
        for scheme in SCHEMES
    }
    rises = {scheme: line[-1] - line[lengths.index(LENGTH)] for scheme, line in losses.items()}
    fails = frozenset(scheme for scheme, rise in rises.items() if rise > RISES)
    return Illustration(
        figures=(_figure(losses, lengths, params),),
        reading=_reading(params, losses, rises, lengths),
        checks=_checks(rises, longest),
        table=Table(
            ("tokens", "scores a head", *(title_of(scheme) for scheme in SCHEMES)),
            tuple(
                (length, scores(length, params), *(round(losses[s][i], 3) for s in SCHEMES))
                for i, length in enumerate(lengths)
            ),
        ),
        outcome=FAILING.index(fails) if fails in FAILING else None,
    )


def foretell(network: Transformer, tokens: Tensor, length: int, params: Params) -> Tensor:
    """Cross-entropy (B, LAST) of the last of `tokens` (B, T + 1) when `length` of them are read as
    `params` say. Whatever the length, the same tokens are foretold."""
    if params.reads == "chunks":  # cut from the end: of all chunks the last sees these tokens
        length = min(length, params.span)
    window = params.span if params.reads == "window" else 0
    found = []
    for rows in tokens[:, -length - 1 :].chunk(len(tokens) // TOGETHER):
        stream = decode(network, rows[:, :-1], window)[:, -LAST:]  # (b, LAST, C)
        logits = network.output(stream).mT  # (b, LAST, V) -> (b, V, LAST)
        found.append(F.cross_entropy(logits, rows[:, -LAST:], reduction="none"))
    return torch.cat(found)  # (B, LAST)


def decode(network: Transformer, tokens: Tensor, window: int) -> Tensor:
    """The stream (B, T, C) after the last layer for `tokens` (B, T)."""
    assert network.decoder is not None
    return read(network.decoder, network.embedding(tokens), window)


def scores(length: int, params: Params) -> int:
    """How many scores one head computes of a text: each token's with itself and those it sees."""
    match params.reads:
        case "all at once":
            return length * (length + 1) // 2
        case "window":
            return sum(min(place + 1, params.span) for place in range(length))
        case "chunks":
            whole, rest = divmod(length, params.span)
            return whole * params.span * (params.span + 1) // 2 + rest * (rest + 1) // 2


def _checks(rises: Mapping[PositionKind, float], longest: int) -> tuple[Check, ...]:
    fails = {
        "learned": "Learned places fail past those that were trained.",
        "sinusoidal": "Sinusoids fail there too, though they are defined for every place.",
        "rope": "RoPE fails there too, though it shows attention distances alone.",
    }
    scheme: PositionKind
    checks = [
        Check(
            "ALiBi reads longer texts no worse than those of training.",
            f"from {LENGTH} to {longest} tokens the loss changes by {rises['alibi']:+.3f} nats",
            rises["alibi"] < STAYS,
        )
    ]
    for scheme in ("learned", "sinusoidal", "rope"):
        checks.append(
            Check(
                fails[scheme],
                f"from {LENGTH} to {longest} tokens the loss changes by {rises[scheme]:+.3f} nats",
                rises[scheme] > RISES,
            )
        )
    return tuple(checks)


def _reading(
    params: Params,
    losses: Mapping[PositionKind, list[float]],
    rises: Mapping[PositionKind, float],
    lengths: list[int],
) -> str:
    longest = lengths[-1]
    says = ", ".join(
        f"{title_of(scheme)} {losses[scheme][lengths.index(LENGTH)]:.2f} and "
        f"{losses[scheme][-1]:.2f}"
        for scheme in SCHEMES
    )
    how = {
        "all at once": "all at once",
        "window": f"through windows of {params.span} tokens",
        "chunks": f"in chunks of {params.span} tokens",
    }[params.reads]
    return (
        f"Read {how}, the last {LAST} tokens of {TEXTS} unseen texts have these losses with "
        f"{LENGTH} and with {longest} tokens to read, in nats a token: {says}. A head computes "
        f"{scores(longest, params):,} scores for {longest} tokens."
    )


def _figure(
    losses: Mapping[PositionKind, list[float]], lengths: list[int], params: Params
) -> go.Figure:
    figure = go.Figure()
    for number, (scheme, line) in enumerate(losses.items(), start=1):
        figure.add_scatter(
            x=lengths,
            y=[round(loss, 3) for loss in line],
            name=title_of(scheme),
            mode="lines+markers",
            line={"width": 2.5, "color": f"var(--series-{6 - number})"},
            hovertemplate="%{x} tokens: %{y}",
        )
    figure.add_vline(
        x=LENGTH,
        line={"width": 1, "dash": "dot", "color": "var(--ink-soft)"},
    )
    figure.add_annotation(
        x=math.log10(LENGTH),  # on a log axis a note stands at the logarithm
        y=1,
        yref="paper",
        xanchor="right",
        text="as in training ",
        showarrow=False,
    )
    figure.update_layout(
        template=None,
        title={"text": f"Loss of the same {LAST} tokens, read {params.reads}"},
        height=460,
        legend=LEGEND | {"yanchor": "bottom"},
    )
    figure.update_xaxes(title={"text": "tokens to read (log scale)"}, type="log", tickvals=lengths)
    figure.update_yaxes(title={"text": "cross-entropy (nats a token)"})
    return figure
