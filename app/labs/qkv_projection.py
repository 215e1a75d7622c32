"""Queries, keys, values: three matrices, shared by all tokens.

The trained encoder's own weights project a sentence: X W_Q, X W_K and X W_V, each cut into heads
after the product. One stacked matrix gives the same numbers in one product, unless its columns
are read in another order. Queries and keys have matrices of their own so that a score need not be
the score back: give the keys the queries' matrix and the scores become symmetric. Fewer key heads
make the cache smaller, and with weights that were not trained for it change the output.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from app.labs.illustration import Check, Chosen, Illustration, LabParams, Prediction, Table
from app.labs.parts.projections import (
    attend,
    cached,
    fewer_heads,
    grouped,
    one_way,
    restack,
    stack,
    unstack,
)
from app.labs.parts.scheme_figures import square
from app.labs.parts.translation import Layer, Sentence, notes, translate
from model.attention import Attention
from model.checkpoint import Models
from model.trace import Trace
from model.transformer import Layer as TrainedLayer

KINDS = ("queries", "keys", "values")
LENGTHS = (128, 256, 512, 1024)  # of the texts whose cache is measured

PREDICT = Prediction(
    "Token i gives token j a score. Is the score that j gives i the same?",
    ("Yes, the matrix of scores is symmetric.", "No, the two may differ."),
)


class Params(LabParams):
    sentence: Sentence = "The red cars are not old."
    layer: Layer = "1"
    head: Annotated[
        Literal["1", "2", "3", "4"],
        Chosen,
        Field(title="Head", description="Whose scores are compared with the scores back."),
    ] = "1"
    view: Annotated[
        Literal["queries", "keys", "values", "cache"],
        Field(title="First figure", description="A projection in numbers, or the cache's size."),
    ] = "queries"
    changed: Annotated[
        Literal["nothing", "keys use W_Q", "stacked matrix misread"],
        Field(
            title="Change",
            description="Keys projected by the queries' matrix; or the stacked matrix, in the "
            "order Q, K, V, read as if it were in the order of the heads.",
        ),
    ] = "nothing"
    key_heads: Annotated[
        Literal["4", "2", "1"],
        Chosen,
        Field(
            title="Key heads",
            description="4: each head its own keys; 2: grouped-query; 1: multi-query attention.",
        ),
    ] = "4"


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    network = models.translator.network
    translation = translate(params.sentence, models)
    trace: Trace = {}
    network.encode(translation.source_ids, trace=trace)
    assert network.encoder is not None
    part = network.encoder.layers[int(params.layer) - 1]
    assert isinstance(part, TrainedLayer)
    above = f"encoder.{int(params.layer) - 2}.residual.feed_forward"
    stream = part.norms["self_attention"](trace.get(above, trace["encoder.embedding"]))
    trained = part.self_attention
    base = grouped(trained, int(params.key_heads))
    if params.changed == "keys use W_Q":
        base.keys = fewer_heads(trained.queries, trained.heads, base.key_heads)
    misread = params.changed == "stacked matrix misread"
    layer = restack(base, misread=misread)
    own: Trace = {}
    output = attend(layer, stream, own)
    scores = own[f"{layer.name}.scores"][0, int(params.head) - 1]  # (T, T)
    tokens = translation.source_tokens
    first = (
        _cache(trained, layer)
        if params.view == "cache"
        else _projection(params.view, own[f"{layer.name}.{params.view}"], tokens)
    )
    return Illustration(
        figures=(first, _back_and_forth(scores, tokens, params.head)),
        reading=_reading(layer, stream, scores, tokens, params.head),
        checks=(
            _row_by_row(layer, stream),
            _cut_after(layer, stream, trace),
            _stacked(base, stream, misread=misread),
            _directed(scores),
            _smaller(trained, layer),
            _same_output(output, trace[f"{layer.name}.output"]),
        ),
        table=_table(own, layer.name, tokens),
        notes=notes(params.sentence, translation, models),
        outcome=int(one_way(scores) > 1e-3),
    )


def _reading(
    layer: Attention, stream: Tensor, scores: Tensor, tokens: Sequence[str], head: str
) -> str:
    length, channels = stream.shape[1:]
    row, column = divmod(int((scores - scores.T).argmax()), len(tokens))
    weights = " + ".join(f"{getattr(layer, kind).weight.numel():,}" for kind in KINDS)
    there, back = float(scores[row, column]), float(scores[column, row])
    apart = (
        f"“{tokens[row]}” scores “{tokens[column]}” {there:.2f} and gets {back:.2f} back"
        if there - back > 1e-3
        else "every token scores another as that one scores it"
    )
    return (
        f"{length} vectors of {channels} numbers, times one {channels} × {channels} matrix, are "
        f"{length} queries of {channels}, cut into {layer.heads} heads of {layer.width}; of keys "
        f"and values there are {layer.key_heads} heads. Queries, keys and values take {weights} "
        f"weights, however long the text. In head {head} {apart}."
    )


def _row_by_row(layer: Attention, stream: Tensor) -> Check:
    parts = (layer.queries, layer.keys, layer.values)
    apart = max(
        float((part(stream)[:, place] - part(stream[:, place])).abs().max())
        for part in parts
        for place in range(stream.shape[1])
    )
    return Check(
        "One and the same matrix serves every token.",
        f"projected alone, a token's query, key and value differ by at most {apart:.1e}",
        apart < 1e-4,
    )


def _cut_after(layer: Attention, stream: Tensor, trace: Trace) -> Check:
    """Against the queries that the model's own pass gave its heads, (1, H, T, D)."""
    expected = trace[f"{layer.name}.queries"]
    after = layer.split(layer.queries(stream), layer.heads)  # (1, T, C) -> (1, H, T, D)
    slices = layer.split(stream, layer.heads)  # (1, T, C) -> (1, H, T, D)
    heads, width = layer.heads, layer.width
    blocks = layer.queries.weight.view(heads, width, heads, width)  # (H*D, C) -> (H, D, H, D)
    own = torch.stack([blocks[head, :, head] for head in range(heads)])  # (H, D, D)
    bias = layer.queries.bias.view(heads, 1, width)  # (H*D,) -> (H, 1, D)
    before = slices @ own.mT + bias  # (1, H, T, D)
    off, other = (float((queries - expected).abs().max()) for queries in (after, before))
    return Check(
        "A head's queries are a slice of the product, which read the whole token.",
        f"off the model's own by {off:.1e}; with the token cut first, by {other:.1f}",
        off < 1e-4 < other,
    )


def _stacked(layer: Attention, stream: Tensor, *, misread: bool) -> Check:
    weight, bias = stack(layer)
    product = F.linear(stream, weight, bias)[0].T  # (1, T, C) -> (H*D + 2*G*D, T)
    found = unstack(product, layer, misread=misread)
    separate = [part(stream)[0].T for part in (layer.queries, layer.keys, layer.values)]
    apart = max(
        float((one - other).abs().max()) for one, other in zip(found, separate, strict=True)
    )
    return Check(
        "One stacked matrix gives the same three in one product.",
        f"{weight.shape[0]} × {weight.shape[1]}; off the three by {apart:.1e}, shapes the same",
        apart < 1e-4,
    )


def _directed(scores: Tensor) -> Check:
    apart = one_way(scores)
    return Check(
        "A score differs from the score back.",
        f"on a scale from 0, symmetric, to 1, opposite: {apart:.1e}",
        apart > 1e-3,
    )


def _smaller(trained: Attention, layer: Attention) -> Check:
    full, held = cached(trained, LENGTHS[-1]), cached(layer, LENGTHS[-1])
    return Check(
        "The cache shrinks with the key heads.",
        f"{layer.key_heads} of {layer.heads}: {held:,} of {full:,} bytes at {LENGTHS[-1]} tokens "
        f"in one layer, {held / full:.2f}",
        held * layer.heads == full * layer.key_heads,
    )


def _same_output(output: Tensor, expected: Tensor) -> Check:
    apart = float((output - expected).norm() / expected.norm())
    return Check(
        "The layer puts out what it was trained to.",
        f"off by {apart:.1%} of its length",
        apart < 1e-4,
    )


def _projection(kind: str, parted: Tensor, tokens: Sequence[str]) -> go.Figure:
    """Queries, keys or values (1, H, T, D) as a map, with lines between the heads."""
    values = parted[0].transpose(0, 1).flatten(1)  # (1, H, T, D) -> (T, H, D) -> (T, H*D)
    heads, width = parted.shape[1], parted.shape[3]
    title = f"The {kind}, a row a token, cut into heads"
    figure = square(values, title, ("number, by heads", "token"), "value", signed=True)
    for head in range(1, heads):
        figure.add_vline(x=head * width - 0.5, line={"color": "var(--ink)", "width": 2})
    figure.update_xaxes(
        tickvals=[head * width + width / 2 for head in range(heads)],
        ticktext=[f"head {head + 1}" for head in range(heads)],
    )
    figure.update_yaxes(tickvals=list(range(len(tokens))), ticktext=list(tokens))
    return figure.update_layout(height=170 + 30 * len(tokens))


def _cache(trained: Attention, layer: Attention) -> go.Figure:
    figure = go.Figure()
    for heads in (4, 2, 1):
        less = grouped(trained, heads)
        mark = " (chosen)" if heads == layer.key_heads else ""
        figure.add_scatter(
            x=LENGTHS,
            y=[cached(less, length) / 2**10 for length in LENGTHS],
            mode="lines+markers",
            name=f"{heads} key head{'s' * (heads > 1)}{mark}",
            hovertemplate="%{x} tokens: %{y} KiB",
        )
    figure.update_layout(
        template=None,
        title={"text": "What one layer's cache holds"},
        height=400,
        margin={"t": 60},
        legend={"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
        xaxis={"title": {"text": "tokens read so far"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "KiB"}, "rangemode": "tozero"},
    )
    return figure


def _back_and_forth(scores: Tensor, tokens: Sequence[str], head: str) -> go.Figure:
    pairs = [(i, j) for i in range(len(tokens)) for j in range(i)]
    there = [round(float(scores[i, j]), 3) for i, j in pairs]
    back = [round(float(scores[j, i]), 3) for i, j in pairs]
    ends = [min(there + back), max(there + back)]
    figure = go.Figure()
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": "var(--ink-soft)", "dash": "dot", "width": 1},
        name="the same both ways",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=there,
        y=back,
        mode="markers",
        name="a pair of tokens",
        marker={"color": "var(--accent)", "size": 8},
        customdata=[f"{tokens[i]} and {tokens[j]}" for i, j in pairs],
        hovertemplate="%{customdata}: %{x} and %{y}<extra></extra>",
    )
    figure.update_layout(
        template=None,
        title={"text": f"Scores of head {head}, there and back"},
        height=440,
        margin={"t": 60},
        legend={"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
        xaxis={"title": {"text": "score of the later token for the earlier"}},
        yaxis={"title": {"text": "score of the earlier for the later"}},
    )
    return figure


def _table(own: Trace, name: str, tokens: Sequence[str]) -> Table:
    """The first four numbers of the first head's queries, keys and values."""
    parts = [own[f"{name}.{kind}"][0, 0, :, :4] for kind in KINDS]  # (T, 4) each
    rows = torch.cat(parts, dim=1).tolist()
    return Table(
        columns=("token", *(f"{kind[:-1]} {place}" for kind in KINDS for place in range(1, 5))),
        rows=tuple(
            (token, *(round(value, 4) for value in row))
            for token, row in zip(tokens, rows, strict=True)
        ),
    )
