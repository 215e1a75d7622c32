"""Beam search: keep several beginnings, not one.

A translator writes French, and at every step the likeliest continuations of the beginnings that are
still alive compete: a few are kept, those that end are set aside, the rest is pruned for good. Play
the search step by step. Greedy search follows only the likeliest token, and cannot go back when
that leads nowhere; a beam has something else in hand. At width 1 it has not, and that claim breaks.
A large length penalty favours long hypotheses until the winner is no longer the likeliest.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from app.labs.illustration import Check, Illustration, LabParams
from app.labs.parts.beam_tree import Steps, draw, grow, leader, reached, score, shown, tree_table
from app.labs.parts.translation import Sentence, notes, translate
from model.beam import Search, beam_search
from model.checkpoint import Models
from model.decode import sample
from model.translator import Translation, Translator

# With words it never saw or turns that its grammar lacks, the model is in doubt.
EXAMPLES = [
    "It is not possible to see the moon.",
    "Time flies like an arrow.",
    "Do you see me?",
    "Who do you think you are?",
    "I saw the man with the umbrella on the bridge near the river.",
    "Where did the king who lost the sword sleep?",
]


class Params(LabParams):
    sentence: Annotated[Sentence, Field(examples=EXAMPLES)] = "The red cars are not old."
    width: Annotated[
        int, Field(title="Width", description="Beginnings kept at every step.", ge=1, le=8)
    ] = 4
    length_penalty: Annotated[
        float,
        Field(
            title="Length penalty α",
            description="Scores are sums of log-probabilities over length to this power.",
            ge=0,
            le=2,
        ),
    ] = 1.0
    step: Annotated[
        int, Field(title="Step", description="Show the search so far; 0: all of it.", ge=0, le=63)
    ] = 0
    draw: Annotated[
        int,
        Field(
            title="Sample",
            description="The number of the random draw beside the beam, at temperature 1.",
            ge=1,
            le=99,
            json_schema_extra={"aside": True},
        ),
    ] = 1


@dataclass(frozen=True)
class Final:
    """A whole translation: of the beam, of greedy search or drawn at random."""

    found_by: str
    translation: Translation
    log_probability: Decimal  # as shown
    score: Decimal
    read_again: float  # log-probability in one pass over the whole, without the search

    @property
    def ids(self) -> list[int]:
        ids: list[int] = self.translation.output_ids.tolist()
        return ids

    @property
    def probability(self) -> float:
        return float(self.log_probability.exp())


@torch.inference_mode()
def illustrate(params: Params, models: Models) -> Illustration:
    translator, alpha = models.translator, params.length_penalty
    greedy = translate(params.sentence, models)
    source = translator.network.encode(greedy.source_ids)  # (1, S, C)
    search = _search(translator, source, params.width, alpha)
    steps = grow(search, translator.tokenizer, alpha)
    finals = _finals(params, translator, source, greedy, search)
    last = min(params.step or len(steps), len(steps))
    best = reached(steps, finals[0].ids) if last == len(steps) else leader(steps[:last])
    follows = reached(steps[:last], greedy.output_ids.tolist())
    one = _search(translator, source, 1, 0.0).hypotheses[0].ids
    return Illustration(
        figures=(draw(steps, last=last, best=best, greedy=follows, length_penalty=alpha),),
        reading=_end(steps, finals) if last == len(steps) else _so_far(steps, last),
        checks=(
            _adds_up(finals, alpha),
            _no_worse_than_greedy(finals),
            _is_greedy(one, finals),
            _goes_beyond(steps, finals),
            _winner_is_likeliest(finals),
        ),
        table=tree_table(steps[:last]),
        notes=notes(params.sentence, greedy, models),
        data={"steps": len(steps), "finals": [_row(final, translator) for final in finals]},
    )


def _search(translator: Translator, source: Tensor, width: int, length_penalty: float) -> Search:
    return beam_search(
        translator.network,
        torch.tensor([[translator.tokenizer.bos]], device=source.device),
        end=translator.tokenizer.eos,
        width=width,
        length_penalty=length_penalty,
        source=source,
    )


def _finals(
    params: Params, translator: Translator, source: Tensor, greedy: Translation, search: Search
) -> list[Final]:
    """The hypotheses of the beam, best first, then greedy's translation and one drawn at random."""
    drawn = sample(
        translator.network,
        torch.tensor([[translator.tokenizer.bos]], device=source.device),
        end=translator.tokenizer.eos,
        generator=torch.Generator().manual_seed(params.draw),
        source=source,
    )[0]
    found = {tuple(h.ids): h.log_probability for h in search.hypotheses}
    named = [(f"beam, {rank}", h.ids) for rank, h in enumerate(search.hypotheses, 1)]
    named += [("greedy", greedy.output_ids.tolist()), ("sample", drawn.ids)]
    finals = []
    for name, ids in named:
        translation = translator.describe(greedy.source_ids, ids, params.sentence, "fr")
        read_again = _read_again(translator, source, translation)
        total = shown(found.get(tuple(ids), read_again))
        worth = score(total, len(ids), params.length_penalty)
        finals.append(Final(name, translation, total, worth, read_again))
    return finals


def _read_again(translator: Translator, source: Tensor, translation: Translation) -> float:
    """The log-probability of a whole translation, in one pass and without a cache."""
    log_probs = translator.network.decode(translation.target_ids, source)[0].log_softmax(-1)
    chosen = log_probs.gather(1, translation.output_ids[:, None])  # (T, V) -> (T, 1)
    return float(chosen.sum())


def _row(final: Final, translator: Translator) -> dict[str, Any]:
    """A line of the table of translations; `opens` says whether its text can be read back, and
    `exact` whether into the same tokens."""
    text = final.translation.text
    try:
        again = translator.encode(text, "fr", "fr")[0, 1:].tolist()
    except ValueError:
        again = []
    return {
        "text": text,
        "found_by": final.found_by,
        "log_probability": float(final.log_probability),
        "length": len(final.ids),
        "score": float(final.score),
        "probability": final.probability,
        "opens": bool(again),
        "exact": [*again, translator.tokenizer.eos] == final.ids,
    }


def _end(steps: Steps, finals: list[Final]) -> str:
    *beam, greedy, drawn = finals
    best, together = beam[0], sum(final.probability for final in beam)
    beside = "Greedy search finds the same."
    if best.ids != greedy.ids:
        beside = (
            f"Greedy search writes “{greedy.translation.text}” instead, with a score of "
            f"{greedy.score} and a probability of {greedy.probability:.2g}."
        )
    still = [node for node in steps[-1] if node.fate == "kept"]
    stops = f" It stopped after step {len(steps)}"
    stops += f", as none of the {len(still)} still open scores better by then." if still else "."
    return (
        f"The beam finds “{best.translation.text}”, with a score of {best.score} and a probability "
        f"of {best.probability:.2g}. {beside} What the beam ends with has {together:.2g} of all "
        f"probability.{stops} One drawn at random: “{drawn.translation.text}”, with "
        f"{drawn.probability:.2g}."
    )


def _so_far(steps: Steps, last: int) -> str:
    step = steps[last - 1]
    fates = {
        fate: [node for node in step if node.fate == fate]
        for fate in ("kept", "finished", "pruned")
    }
    beginnings = {node.parent.ids for node in step if node.parent}
    said = [
        f"{len(nodes)} {fate} (“{nodes[0].token}” first, sum {nodes[0].log_probability})"
        for fate, nodes in fates.items()
        if nodes
    ]
    return (
        f"Step {last} of {len(steps)}: the {len(step)} likeliest continuations come from "
        f"{len(beginnings)} of the beginnings. Of them, {', '.join(said)}."
    )


def _adds_up(finals: list[Final], length_penalty: float) -> Check:
    difference = max(
        abs(float(final.score) - final.read_again / len(final.ids) ** length_penalty)
        for final in finals
    )
    return Check(
        "A score is the sum of the tokens' log-probabilities over length to the power α.",
        "every translation read again in one pass, without the search: largest difference "
        f"{difference:.1e}, where four decimals are shown",
        difference < 1e-4,
    )


def _no_worse_than_greedy(finals: list[Final]) -> Check:
    best, greedy = finals[0], finals[-2]
    return Check(
        "In this run, the beam's best scores no worse than greedy search.",
        f"{best.score} against {greedy.score}; no theorem: a wider beam can crowd out the way that "
        "greedy search would have gone",
        best.score >= greedy.score - Decimal("0.0001"),
    )


def _is_greedy(one: list[int], finals: list[Final]) -> Check:
    greedy = finals[-2]
    same = sum(a == b for a, b in zip(one, greedy.ids, strict=False))
    return Check(
        "A beam of width 1 without a length penalty is greedy search.",
        f"{same} of {max(len(one), len(greedy.ids))} tokens are the same",
        one == greedy.ids,
    )


def _goes_beyond(steps: Steps, finals: list[Final]) -> Check:
    greedy = tuple(finals[-2].ids)
    writing = [node for step in steps[: len(greedy) - 1] for node in step if node.fate == "kept"]
    other = sum(node.ids != greedy[: node.step] for node in writing)
    return Check(
        "The search keeps beginnings that greedy search never writes.",
        f"{other} of {len(writing)} kept while greedy search was writing",
        other > 0,
    )


def _winner_is_likeliest(finals: list[Final]) -> Check:
    beam = finals[:-2]
    likeliest = max(beam, key=lambda final: final.log_probability)
    return Check(
        "The hypothesis with the best score is also the likeliest of the beam.",
        f"log-probability {beam[0].log_probability} over {len(beam[0].ids)} tokens; the likeliest "
        f"has {likeliest.log_probability} over {len(likeliest.ids)}",
        beam[0].log_probability == likeliest.log_probability,
    )
