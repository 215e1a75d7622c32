"""Beam search finds what Hugging Face finds and, wide enough, what trying everything finds."""

import itertools
from functools import cache
from typing import Any

import pytest
import torch

from model.beam import beam_search
from model.config import Config
from model.decode import cut, greedy
from model.transformer import Transformer
from tests.model.references import bart, gpt2

END = 1
SETTINGS: list[tuple[int, float, Any]] = [
    *itertools.product([2, 3, 4, 6, 8], [0.0, 0.6, 1.0, 2.0], [False, True, "never"]),
    *itertools.product([1] * 4, [1.0], [True]),  # theirs is greedy then: it stops at the first end
]


@cache
def networks(kind: str, seed: int) -> tuple[Any, Transformer]:
    """A random pair, theirs and ours, in which the end token is likely enough to come."""
    theirs, ours = gpt2(seed) if kind == "gpt2" else bart(seed)
    table = theirs.get_output_embeddings().weight
    with torch.no_grad():
        for weights in (table, ours.output.weight):
            weights.mul_(0.35)
            weights[END] *= 1 + seed % 3
    return theirs, ours


def small(**settings: Any) -> Transformer:
    """A small untrained decoder whose predictions differ clearly."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"vocabulary": 4, "decoder_layers": 1, "channels": 16, "hidden": 32}
    network = Transformer(Config(**{**shape, **settings})).eval().requires_grad_(False)
    torch.nn.init.normal_(network.embedding.table.weight, std=0.6)  # type: ignore[union-attr]
    return network


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_hypotheses_and_scores_are_those_of_hugging_face(number: int) -> None:
    width, length_penalty, early_stopping = SETTINGS[number]
    kind = "gpt2" if number % 2 else "bart"
    theirs, ours = networks(kind, number % 7)
    generator = torch.Generator().manual_seed(number)
    tokens = torch.randint(3, 40, (1, 5), generator=generator)
    room = 12
    options = {
        "max_new_tokens": room,
        "num_beams": width,
        "length_penalty": length_penalty,
        "early_stopping": early_stopping,
        "num_return_sequences": width,
        "do_sample": False,
        "output_scores": True,
        "return_dict_in_generate": True,
    }
    if width == 1:
        del options["early_stopping"], options["length_penalty"]
    found = theirs.generate(tokens, attention_mask=torch.ones_like(tokens), **options)
    source = None
    prefix = tokens
    if kind == "bart":
        source, prefix = ours.encode(tokens), torch.zeros(1, 1, dtype=torch.long)
    search = beam_search(
        ours,
        prefix,
        end=END,
        width=width,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
        source=source,
        limit=room,
    )
    expected = [cut(row[prefix.shape[1] :].tolist(), END, 0.0).ids for row in found.sequences]
    assert [h.ids for h in search.hypotheses] == expected
    if width > 1:
        scores = torch.tensor([h.score for h in search.hypotheses])
        torch.testing.assert_close(scores, found.sequences_scores, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0, 2.0])
def test_a_beam_as_wide_as_all_texts_finds_the_best_of_all_texts(length_penalty: float) -> None:
    network, room, vocabulary = small(), 4, 4
    prefix = torch.tensor([[0, 2]])
    scored = []
    for length in range(1, room + 1):
        for ids in itertools.product(range(vocabulary), repeat=length):
            if END in ids[:-1] or (length < room and ids[-1] != END):
                continue
            logits = network.decode(torch.tensor([[*prefix[0].tolist(), *ids[:-1]]]))[0, 1:]
            chosen = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum()
            scored.append((float(chosen) / length**length_penalty, list(ids)))
    scored.sort(reverse=True)
    search = beam_search(
        network, prefix, end=END, width=vocabulary**room, limit=room, length_penalty=length_penalty
    )
    assert [h.ids for h in search.hypotheses] == [ids for _, ids in scored]
    assert [h.score for h in search.hypotheses] == pytest.approx([s for s, _ in scored], abs=1e-5)


def test_one_beam_is_greedy() -> None:
    network = small(vocabulary=30)
    prefix = torch.tensor([[3, 4]])
    best = beam_search(network, prefix, end=END, width=1, limit=20, early_stopping=True).hypotheses[
        0
    ]
    (chosen,) = greedy(network, prefix, end=END, limit=20)
    assert (best.ids, best.complete) == (chosen.ids, chosen.complete)
    assert best.log_probability == pytest.approx(chosen.log_probability, abs=1e-5)


def test_the_trace_leads_from_the_prefix_to_every_hypothesis() -> None:
    search = beam_search(small(vocabulary=30), torch.tensor([[3, 4]]), end=END, width=3, limit=12)
    paths: list[list[int]] = [[]]
    ends = []
    for step in search.steps:
        kept = [c for c in step if c.fate == "kept"]
        assert [c.place for c in kept] == list(range(len(kept)))
        assert all(c.parent < len(paths) for c in step)
        ends += [paths[c.parent] + [c.token] for c in step if c.fate == "finished"]
        values = [c.log_probability for c in step]
        assert values == sorted(values, reverse=True)
        assert any(c.fate == "pruned" for c in step)
        paths = [paths[c.parent] + [c.token] for c in kept]
    assert all(h.ids in ends for h in search.hypotheses)


@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        ({"width": 0}, "0.*1"),
        ({"width": -3}, "-3.*1"),
        ({"width": 2, "length_penalty": -1}, "-1.*0"),
        ({"width": 2, "limit": 0}, "0.*62"),
        ({"width": 2, "limit": 63}, "63.*62"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Any, numbers: str) -> None:
    with pytest.raises(ValueError, match=numbers):
        beam_search(small(), torch.tensor([[0, 2]]), end=END, **settings)
