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


def show_batches(translator: Translator, order: Order, size: int) -> Illustration:
    """Batches of `size` in this order, and what other sizes and the other order would waste."""
    texts = [sentence.text("en") for sentence in islice(sentences(1), DRAWN)]
    lengths = [1 + len(translator.tokenizer.encode(text)) for text in texts]  # with the tag
    shuffled = [Random(seed).sample(lengths, DRAWN) for seed in range(SHUFFLES)]
    wastes = {
        "random": [[waste(run, each) for run in shuffled] for each in SIZES],
        "by length": [[waste(sorted(lengths), each)] for each in SIZES],
    }
    queue = sorted(lengths) if order == "by length" else shuffled[0]
    slots = [max(queue[i - i % size :][:size]) for i in range(DRAWN)]
    means = [sum(run) / len(run) for run in wastes["random"]]
    here, usual = waste(queue, size), waste(shuffled[0], size)
    return Illustration(
        figures=(_by_size(wastes, size), _slots(queue, slots, f"Batches of {size}, {order}")),
        reading=(
            f"{DRAWN} sentences have {min(lengths)} to {max(lengths)} tokens, {sum(lengths)} in "
            f"all. In batches of {size}, {order}, they take {sum(slots)} slots, of which "
            f"{here:.1%} are padding, and every slot is computed"
            + ("." if order == "random" else f"; in random order {usual:.1%} would be.")
        ),
        checks=(
            Check(
                "Batched so, the sentences waste less than half of what random order wastes.",
                f"{here:.1%} of the slots are padding, in random order {usual:.1%}",
                here < usual / 2,
            ),
            Check(
                "In random order, a larger batch wastes more.",
                f"mean of {SHUFFLES} orders for {', '.join(map(str, SIZES))} sentences: "
                f"{', '.join(f'{100 * mean:.0f}' for mean in means)} %",
                means == sorted(means),
            ),
        ),
        table=Table(
            ("batch size", "random order (%)", "lowest", "highest", "by length (%)"),
            tuple(
                (each, *(round(100 * w, 1) for w in (mean, min(runs), max(runs), *ordered)))
                for each, mean, runs, ordered in zip(
                    SIZES, means, wastes["random"], wastes["by length"], strict=True
                )
            ),
        ),
    )


def waste(lengths: list[int], size: int) -> float:
    """The share of slots that hold padding, in batches of `size` as the sentences come."""
    batches = [lengths[i : i + size] for i in range(0, len(lengths), size)]
    return 1 - sum(lengths) / sum(len(batch) * max(batch) for batch in batches)


def _by_size(wastes: dict[str, list[list[float]]], size: int) -> go.Figure:
    figure = go.Figure()
    for order, runs in wastes.items():
        means = [100 * sum(run) / len(run) for run in runs]
        above = [100 * max(run) - mean for run, mean in zip(runs, means, strict=True)]
        below = [mean - 100 * min(run) for run, mean in zip(runs, means, strict=True)]
        spread = {"array": above, "arrayminus": below} if len(runs[0]) > 1 else None
        figure.add_scatter(x=SIZES, y=means, name=order, error_y=spread, mode="lines+markers")
    figure.add_vline(x=size, line={"color": "var(--ink-soft)", "dash": "dot", "width": 1})
    figure.update_layout(
        template=None,
        title={"text": "How much of a batch is padding"},
        height=420,
        xaxis={
            "title": {"text": "sentences in a batch (log scale)"},
            "type": "log",
            "tickvals": SIZES,
        },
        yaxis={"title": {"text": "padding (% of slots)"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    return figure


def _slots(queue: list[int], slots: list[int], title: str) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(y=queue, name="real tokens", mode="lines", fill="tozeroy")
    figure.add_scatter(y=slots, name="slots computed", mode="lines")
    figure.update_traces(line={"shape": "hv", "width": 1.5})
    figure.update_layout(
        template=None,
        title={"text": title},
        height=400,
        xaxis={"title": {"text": "sentence, in the order of the batches"}},
        yaxis={"title": {"text": "tokens"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
    )
    return figure
