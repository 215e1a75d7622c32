"""Masked language modelling: guess a hidden word from both sides.

An encoder reads a sentence in which one word is hidden and says how likely each word of its
vocabulary is there. Attention looks both ways, so that what comes after the gap counts as much as
what comes before. Hide one side and that claim breaks. Leave the word in its place and there is
nothing to guess: the answer is read off the input. In training some of the chosen tokens are not
masked but swapped or kept, so that every token's vector has to be good; the last checks measure
this on sentences that the model never saw.
"""

from typing import Annotated, Literal

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from app.labs.illustration import (
    Check,
    Illustration,
    LabParams,
    Prediction,
    Table,
)
from app.labs.parts.gaps import (
    CONTEXTS,
    Gap,
    GappedSentence,
    corrupt,
    surprise,
    unseen_sentences,
)
from model.checkpoint import Models

SENTENCES, COPIES = 16, 8  # held out; each is corrupted so many times
SHOWN = 8  # candidates


class Params(LabParams):
    sentence: GappedSentence = "The old dog drinks the beer."
    hide: Annotated[
        str,
        Field(
            title="Word to hide",
            description="A word of the sentence; of several, the first.",
            min_length=1,
            max_length=30,
            examples=["drinks", "beer", "dog", "the"],
        ),
    ] = "drinks"
    context: Annotated[
        Literal["both", "left", "right"],
        Field(
            title="Context",
            description="The side that the model may read; the other is masked.",
            json_schema_extra={"labels": CONTEXTS},
        ),
    ] = "both"
    instead: Annotated[
        Literal["mask", "other", "itself"],
        Field(
            title="In the word's place",
            description="What the model reads there: in training, 80, 10 and 10 % of the time.",
            json_schema_extra={
                "labels": {"mask": "the mask", "other": "a random token", "itself": "the word"}
            },
        ),
    ] = "mask"
    share: Annotated[
        int,
        Field(
            title="Tokens chosen (%)",
            description="Of the held-out sentences; BERT chose 15 %.",
            ge=10,
            le=50,
            json_schema_extra={"aside": True},
        ),
    ] = 15
    seed: Annotated[
        int,
        Field(
            title="Seed",
            description="Which tokens are chosen, and swapped for what.",
            ge=1,
            le=99,
            json_schema_extra={"aside": True},
        ),
    ] = 1


PREDICT = Prediction(
    "All that comes after the gap is hidden as well. What happens to the probability of the "
    "hidden word?",
    ("It falls to less than half.", "It changes little.", "It more than doubles."),
)


@torch.no_grad()
def illustrate(params: Params, models: Models) -> Illustration:
    gap = Gap.read(params.sentence, params.hide, models)
    instead = _instead(params, gap)
    chances = {context: gap.guess(context, instead) for context in CONTEXTS}  # (V,) each
    candidates = chances[params.context].topk(SHOWN).indices.tolist()
    rows = unseen_sentences(gap.tokenizer, SENTENCES)
    return Illustration(
        figures=(_candidates(chances, candidates, gap), _by_word(gap)),
        reading=_reading(params, chances, candidates[0], gap),
        checks=(
            *_sides(params, gap, chances),
            _not_in_the_input(params, gap, chances),
            _two_sides_tell_more(params, gap, rows),
            *_corrupted(params, gap, rows),
        ),
        table=Table(
            columns=("candidate", *CONTEXTS.values()),
            rows=tuple(
                (gap.tokenizer.piece(i), *(round(float(p[i]), 4) for p in chances.values()))
                for i in candidates
            ),
        ),
        outcome=_outcome(gap, chances),
    )


def _instead(params: Params, gap: Gap) -> int | None:
    """What the model reads in the gap; None is the mask."""
    if params.instead == "itself":
        return gap.truth
    if params.instead == "other":
        generator = torch.Generator().manual_seed(params.seed)
        return int(torch.randint(4, len(gap.tokenizer), (), generator=generator))
    return None


def _outcome(gap: Gap, chances: dict[str, Tensor]) -> int | None:
    """What became of the hidden word without its right context; None where it has none."""
    if gap.place == len(gap.ids) - 1:
        return None
    ratio = float(chances["left"][gap.truth] / chances["both"][gap.truth])
    return 0 if ratio < 0.5 else 2 if ratio > 2 else 1


def _moved(one: Tensor, other: Tensor) -> float:
    """How much probability is elsewhere: the total variation of two distributions (V,)."""
    return float((one - other).abs().sum() / 2)


def _sides(params: Params, gap: Gap, chances: dict[str, Tensor]) -> list[Check]:
    """For each side that has words: whether hiding it changes the guess."""
    found = []
    words = {"left": gap.place, "right": len(gap.ids) - 1 - gap.place}
    for side, other in (("left", "right"), ("right", "left")):
        if words[side]:
            without = (
                gap.guess("none", _instead(params, gap))
                if params.context == side
                else chances[other]
            )
            moved = _moved(chances[params.context], without)
            found.append(
                Check(
                    f"What stands on the {side} of the gap changes the guess.",
                    f"hiding the {side} side moves {moved:.2f} of the probability",
                    moved > 0.01,
                )
            )
    return found


def _not_in_the_input(params: Params, gap: Gap, chances: dict[str, Tensor]) -> Check:
    other = gap.with_another_truth()
    moved = _moved(chances[params.context], other.guess(params.context, _instead(params, other)))
    return Check(
        "The answer is not in the input.",
        f"another hidden word in the same place moves {moved:.2f} of the probability",
        moved == 0,
    )


def _two_sides_tell_more(params: Params, gap: Gap, rows: Tensor) -> Check:
    bits = {
        context: float(surprise(gap.network, gap.tokenizer, rows, context).mean())
        for context in CONTEXTS
    }
    each = ", ".join(f"{bits[context]:.2f} from {name}" for context, name in CONTEXTS.items())
    return Check(
        "With what is read here, a hidden token surprises less than from one side alone.",
        f"bits, over all {int((rows != gap.tokenizer.pad).sum())} tokens of {len(rows)} held-out "
        f"sentences: {each}",
        bits[params.context] < min(bits["left"], bits["right"]),
    )


def _corrupted(params: Params, gap: Gap, rows: Tensor) -> tuple[Check, Check]:
    """Held-out sentences as in training: where the loss comes from, and what is restored."""
    generator = torch.Generator().manual_seed(params.seed)
    tokens = rows.repeat(COPIES, 1)
    real = tokens != gap.tokenizer.pad
    given, *kinds = corrupt(tokens, real, params.share / 100, gap.tokenizer, generator)
    chosen = kinds[0] | kinds[1] | kinds[2]
    logits = gap.network(given, real=real)  # (B, T, V)
    right = logits.argmax(dim=-1) == tokens
    masked, swapped, kept = (float(right[kind].float().mean()) for kind in kinds)
    with torch.enable_grad():
        leaf = logits.requires_grad_()
        F.cross_entropy(leaf[chosen], tokens[chosen]).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    taught = leaf.grad.abs().amax(dim=-1) > 0  # (B, T, V) -> (B, T)
    counts = [int(kind.sum()) for kind in kinds]
    return (
        Check(
            "The loss comes from the chosen tokens alone.",
            f"{int(chosen.sum())} of {int(real.sum())} tokens chosen ({counts[0]} masked, "
            f"{counts[1]} swapped, {counts[2]} kept); a gradient at {int(taught.sum())} of them, "
            f"at {int((taught & ~chosen).sum())} others",
            bool((taught == chosen).all()),
        ),
        Check(
            "Swapped tokens, which nothing marks, are restored too.",
            f"restored: {masked:.0%} of the masked, {swapped:.0%} of the swapped, "
            f"{kept:.0%} of the kept",
            swapped > masked / 2,
        ),
    )


def _candidates(chances: dict[str, Tensor], candidates: list[int], gap: Gap) -> go.Figure:
    names = gap.tokenizer.pieces(candidates)
    figure = go.Figure(
        [
            go.Bar(name=name, x=[round(float(chances[context][i]), 4) for i in candidates])
            for context, name in CONTEXTS.items()
        ]
    )
    figure.update_traces(y=list(range(len(names))), orientation="h")
    figure.update_layout(
        template=None,
        title={"text": f"What may stand in place of “{gap.tokens[gap.place]}”"},
        height=160 + 42 * len(names),
        xaxis={"title": {"text": "probability"}, "rangemode": "tozero"},
        yaxis={
            "title": {"text": "candidate"},
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "autorange": "reversed",
        },
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


def _by_word(gap: Gap) -> go.Figure:
    places = list(range(len(gap.ids)))
    figure = go.Figure()
    for context, name in CONTEXTS.items():
        bits = surprise(gap.network, gap.tokenizer, gap.ids[None], context).tolist()
        figure.add_scatter(name=name, x=places, y=[round(b, 3) for b in bits], mode="lines+markers")
    figure.update_layout(
        template=None,
        title={"text": "Each word masked in turn: how surprising it is"},
        height=380,
        xaxis={"title": {"text": "masked word"}, "tickvals": places, "ticktext": gap.tokens},
        yaxis={"title": {"text": "surprise −log₂ p (bits)"}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.3},
    )
    return figure


def _reading(params: Params, chances: dict[str, Tensor], best: int, gap: Gap) -> str:
    chosen, word = chances[params.context], gap.tokens[gap.place]
    rank = int((chosen > chosen[gap.truth]).sum()) + 1
    each = ", ".join(f"{float(p[gap.truth]):.3f} from {CONTEXTS[c]}" for c, p in chances.items())
    return (
        f"From {CONTEXTS[params.context]}, the model thinks of “{gap.tokenizer.piece(best)}” first "
        f"({float(chosen[best]):.2f}); “{word}”, which stood there, has rank {rank} of "
        f"{len(gap.tokenizer)}. Its probability: {each}."
    )
