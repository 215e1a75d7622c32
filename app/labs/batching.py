"""What padding wastes on sentences of the corpus, by the order in which they are batched."""

from itertools import islice
from random import Random
from typing import Literal

import plotly.graph_objects as go

from app.labs.illustration import Check, Illustration, Table
from model.corpus import sentences
from model.translator import Translator

DRAWN = 256  # sentences that are put into batches
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SHUFFLES = 5
Order = Literal["by length", "random"]


def batches(translator: Translator, order: Order, size: int) -> Illustration:
    """What padding wastes on sentences of the corpus, by how batches are put together."""
    texts = [sentence.text("en") for sentence in islice(sentences(1), DRAWN)]
    lengths = [1 + len(translator.tokenizer.encode(text)) for text in texts]  # with the tag
    shuffled = [Random(seed).sample(lengths, DRAWN) for seed in range(SHUFFLES)]
    by_length = sorted(lengths)
    wastes = {
        "random": [[_waste(order, size) for order in shuffled] for size in SIZES],
        "by length": [[_waste(by_length, size)] for size in SIZES],
    }
    order = by_length if params.order == "by length" else shuffled[0]
    here, usual = _waste(order, params.size), _waste(shuffled[0], params.size)
    rows = range(0, DRAWN, params.size)
    filled = [max(order[i : i + params.size]) for i in rows for _ in order[i : i + params.size]]
    return Illustration(
        figures=(_waste_figure(wastes, params), _slots_figure(order, filled, params)),
        reading=(
            f"{DRAWN} sentences have {min(lengths)} to {max(lengths)} tokens, {sum(lengths)} in "
            f"all. In batches of {params.size}, {params.order}, they take {sum(filled)} slots, of "
            f"which {here:.1%} are padding; every one of them is computed."
        ),
        checks=(
            Check(
                "Sentences of similar length share a batch: less than half of the waste is left.",
                f"{here:.1%} of the slots are padding, in random order {usual:.1%}",
                here < usual / 2,
            ),
            Check(
                "A larger batch wastes no less.",
                "in random order, mean of five: "
                + ", ".join(f"{100 * sum(w) / len(w):.0f}" for w in wastes["random"])
                + " % for 1, 2, 4, ... sentences",
                wastes["random"][0][0] == 0
                and sum(wastes["random"][-1]) > sum(wastes["random"][1]),
            ),
        ),
        table=Table(
            ("batch size", "random order (%)", "lowest", "highest", "by length (%)"),
            tuple(
                (size, *(round(100 * w, 1) for w in (sum(r) / len(r), min(r), max(r), s[0])))
                for size, r, s in zip(SIZES, wastes["random"], wastes["by length"], strict=True)
            ),
        ),
    )


def _waste(lengths: list[int], size: int) -> float:
    """The share of slots that hold padding, in batches of `size` as they come."""
    batches = [lengths[i : i + size] for i in range(0, len(lengths), size)]
    return 1 - sum(lengths) / sum(len(batch) * max(batch) for batch in batches)


def _waste_figure(wastes: dict[str, list[list[float]]], order: Order, size: int) -> go.Figure:
    figure = go.Figure()
    for order, runs in wastes.items():
        means = [100 * sum(run) / len(run) for run in runs]
        spread = {
            "array": [100 * max(run) - mean for run, mean in zip(runs, means, strict=True)],
            "arrayminus": [mean - 100 * min(run) for run, mean in zip(runs, means, strict=True)],
        }
        figure.add_scatter(x=SIZES, y=means, name=order, error_y=spread, mode="lines+markers")
    figure.add_vline(x=params.size, line={"color": "var(--ink-soft)", "dash": "dot"})
    figure.update_layout(
        template=None,
        title={"text": "What of a batch is padding"},
        xaxis={"title": {"text": "sentences in a batch (log scale)"}, "type": "log", "dtick": "D1"},
        yaxis={"title": {"text": "padding (% of slots)"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def _slots_figure(order: list[int], filled: list[int], order: Order, size: int) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(y=filled, name="slots", line={"shape": "hv"}, mode="lines")
    figure.add_scatter(y=order, name="real tokens", line={"shape": "hv"}, fill="tozeroy")
    figure.update_layout(
        template=None,
        title={"text": f"Batches of {params.size}, {params.order}"},
        xaxis={"title": {"text": "sentence, in the order of the batches"}},
        yaxis={"title": {"text": "tokens"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure
