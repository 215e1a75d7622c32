"""The tree shows what the search did, its numbers add up as shown, and each hypothesis opens."""

import itertools
import math
import re
from decimal import Decimal
from typing import Any

import pytest
import torch
from torch import Tensor

from app.labs import beam_search, cross_attention
from app.labs.beam_search import EXAMPLES
from app.labs.illustration import Illustration, UnfitInput
from app.labs.parts.beam_tree import grow, path, reached
from model import beam
from model.checkpoint import Models
from model.config import Config
from model.transformer import Transformer

SENTENCES = [beam_search.Params().sentence, *EXAMPLES]
NUMBER = r"(-?\d+\.\d{4})"
SUM = re.compile(
    rf"sum {NUMBER} \+ {NUMBER} = {NUMBER}<br>score {NUMBER} / (\d+)\^(\S+) = {NUMBER}"
)
WHOLE = re.compile(r"log-probability (-\d+\.\d{4})")


def run(models: Models, **params: Any) -> Illustration:
    return beam_search.illustrate(beam_search.Params.model_validate(params), models)


def hovers(illustration: Illustration) -> list[str]:
    """What the tree says of each of its candidates."""
    texts = [text for trace in illustration.figures[0].data for text in trace.hovertext or ()]
    return [text for text in texts if text != "the beginning"]


def log_probs(models: Models, sentence: str, ids: list[int]) -> Tensor:
    """What may follow `ids`, (V,): one pass over all of them, no cache, no beam."""
    translator = models.translator
    read = torch.tensor([[translator.tokenizer.bos, *ids]])
    with torch.inference_mode():
        logits = translator.network(translator.encode(sentence, "fr"), read)
    return logits[0, -1].double().log_softmax(-1)


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("length_penalty", [0, 0.6, 1, 2])
def test_what_is_shown_adds_up_exactly(
    models: Models, sentence: str, length_penalty: float
) -> None:
    illustration = run(models, sentence=sentence, length_penalty=length_penalty)
    shown = hovers(illustration)
    assert len(shown) == len(illustration.table.rows)
    for text in shown:
        found = SUM.search(text)
        assert found, text
        before, part, total, again, length, power, score = found.groups()
        assert Decimal(before) + Decimal(part) == Decimal(total) == Decimal(again)
        assert Decimal(part) <= 0
        assert float(power) == length_penalty
        assert f"{float(total) / int(length) ** float(power):.4f}".lstrip("-") == score.lstrip("-")


@pytest.mark.parametrize("sentence", SENTENCES[:3])
@pytest.mark.parametrize("width", [1, 3])
def test_each_step_shows_the_likeliest_continuations_of_all_that_was_kept(
    models: Models, sentence: str, width: int
) -> None:
    source = models.translator.network.encode(models.translator.encode(sentence, "fr"))
    search = beam_search._search(models.translator, source, width, 1.0)
    live: list[tuple[int, ...]] = [()]
    sums = {(): 0.0}
    for step in grow(search, models.translator.tokenizer, 1.0):
        for beginning in live:
            parts = log_probs(models, sentence, list(beginning)).tolist()
            sums |= {(*beginning, i): sums[beginning] + part for i, part in enumerate(parts)}
        ranked = sorted((ids for ids in sums if len(ids) == len(live[0]) + 1), key=sums.__getitem__)
        assert [node.ids for node in step] == ranked[::-1][: 2 * width]
        assert all(abs(float(node.log_probability) - sums[node.ids]) < 1e-4 for node in step)
        live = [node.ids for node in step if node.fate == "kept"]


def test_a_tree_wide_enough_holds_every_text_and_the_best_of_them_wins() -> None:
    torch.manual_seed(0)
    vocabulary, room, end = 3, 4, 1
    shape: dict[str, Any] = {"decoder_layers": 1, "channels": 16, "hidden": 32, "heads": 2}
    network = Transformer(Config(vocabulary=vocabulary, **shape)).eval().requires_grad_(False)
    torch.nn.init.normal_(network.embedding.table.weight, std=0.6)  # type: ignore[union-attr]
    scored = {}
    for whole in itertools.product(range(vocabulary), repeat=room):
        ids = whole[: whole.index(end) + 1] if end in whole else whole
        logits = network.decode(torch.tensor([[0, *ids[:-1]]]))[0]
        parts = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])
        scored[ids] = float(parts.sum()) / len(ids)
    prefix = torch.tensor([[0]])
    search = beam.beam_search(network, prefix, end=end, width=vocabulary**room, limit=room)
    steps = grow(search, Letters(), 1.0)  # type: ignore[arg-type]
    leaves = {n.ids: float(n.score) for step in steps for n in step if n.fate == "finished"}
    assert leaves.keys() == scored.keys()
    assert all(abs(leaves[ids] - score) < 1e-4 for ids, score in scored.items())
    assert tuple(search.hypotheses[0].ids) == max(scored, key=scored.__getitem__)


class Letters:
    """A tokenizer in name: each id is a letter."""

    bos = 0

    def piece(self, identity: int) -> str:
        return "abc"[identity]


def test_a_step_shows_the_tree_so_far_in_the_frame_of_the_whole(models: Models) -> None:
    whole = run(models)
    steps = whole.data["steps"]  # type: ignore[index]
    for step in range(1, steps + 1):
        part = run(models, step=step)
        assert part.table.rows == tuple(row for row in whole.table.rows if row[0] <= step)
        assert len(hovers(part)) == len(part.table.rows)
        assert part.figures[0].layout.xaxis.range == whole.figures[0].layout.xaxis.range
        assert part.figures[0].layout.width == whole.figures[0].layout.width
        assert part.data == whole.data
    assert part.reading == whole.reading
    assert run(models, step=63).figures[0].to_json() == whole.figures[0].to_json()


def test_the_best_way_leads_through_the_tree_to_the_winner(models: Models) -> None:
    for sentence in SENTENCES:
        source = models.translator.network.encode(models.translator.encode(sentence, "fr"))
        search = beam_search._search(models.translator, source, 4, 1.0)
        steps = grow(search, models.translator.tokenizer, 1.0)
        end = reached(steps, search.hypotheses[0].ids)
        assert end is not None
        assert end.fate == "finished"
        assert list(end.ids) == search.hypotheses[0].ids
        assert [node.step for node in path(end)] == list(range(len(end.ids) + 1))


@pytest.mark.parametrize("length_penalty", [0, 1, 2])
def test_width_one_is_greedy_search(models: Models, length_penalty: float) -> None:
    for sentence in SENTENCES:
        illustration = run(models, sentence=sentence, width=1, length_penalty=length_penalty)
        only, greedy, _ = illustration.data["finals"]  # type: ignore[index]
        assert only | {"found_by": ""} == greedy | {"found_by": ""}
        assert greedy["text"] == models.translator.translate(sentence, target="fr").text


def test_greedy_and_beam_differ_on_an_example_that_is_offered(models: Models) -> None:
    differ = []
    for sentence in EXAMPLES:
        *hypotheses, greedy, _ = run(models, sentence=sentence).data["finals"]  # type: ignore[index]
        differ.append(hypotheses[0]["text"] != greedy["text"])
    assert any(differ)


def test_the_winner_is_the_likeliest_without_a_penalty_and_not_always_with_a_large_one(
    models: Models,
) -> None:
    def holds(**params: Any) -> bool:
        return run(models, **params).checks[-1].holds

    assert all(holds(sentence=sentence, length_penalty=0) for sentence in SENTENCES)
    widths = range(2, 9)
    assert not all(
        holds(sentence=sentence, length_penalty=2, width=width)
        for sentence in SENTENCES
        for width in widths
    )


def test_a_probability_is_that_of_its_log_probability(models: Models) -> None:
    for final in run(models, sentence=EXAMPLES[0]).data["finals"]:  # type: ignore[index]
        assert final["probability"] == pytest.approx(math.exp(final["log_probability"]))
        assert final["score"] == pytest.approx(final["log_probability"] / final["length"], abs=1e-4)


def test_another_draw_changes_the_sample_alone(models: Models) -> None:
    runs = [run(models, sentence=EXAMPLES[0], draw=draw).data["finals"] for draw in (1, 2, 3)]  # type: ignore[index]
    assert len({final[-1]["text"] for final in runs}) > 1
    assert runs[0][:-1] == runs[1][:-1] == runs[2][:-1]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_hypothesis_opens_its_own_cross_attention(models: Models, sentence: str) -> None:
    for final in run(models, sentence=sentence).data["finals"]:  # type: ignore[index]
        if not final["exact"]:
            continue
        params = cross_attention.Params(sentence=sentence, written=final["text"])
        opened = cross_attention.illustrate(params, models)
        assert len(opened.table.rows) == final["length"]
        assert final["text"] in opened.reading
        found = WHOLE.search(opened.reading)
        assert found
        assert float(found[1]) == pytest.approx(final["log_probability"], abs=2e-4)


def test_cross_attention_reads_its_own_translation_where_nothing_else_is_written(
    models: Models,
) -> None:
    own = cross_attention.illustrate(cross_attention.Params(), models)
    text = models.translator.translate(cross_attention.Params().sentence, target="fr").text
    told = cross_attention.illustrate(cross_attention.Params(written=text), models)
    other = cross_attention.illustrate(cross_attention.Params(written="le chien dort"), models)
    assert own.figures[0].to_json() == told.figures[0].to_json()
    assert [row[0] for row in other.table.rows] == ["le", "chien", "dort", ".", "<eos>"]
    with pytest.raises(UnfitInput, match=r"^French: the sentence has \d+ tokens.*\.$"):
        cross_attention.illustrate(cross_attention.Params(written="le chien " * 33), models)
