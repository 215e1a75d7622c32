"""The views of attention-views against SciPy, finite differences and sequences cut short."""

from collections.abc import Callable

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.func import functional_call

from app.labs.attention_views import Params, _digits, _words, illustrate
from app.labs.illustration import Illustration
from app.labs.parts.explanations import Answers, Question, spearman
from model.attention import Attention
from model.checkpoint import Models
from model.config import Switches

TABLE = "encoder.positions.table.weight"


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def question(models: Models, model: str, count: int = 8) -> Question:
    build = _words if model == "words" else _digits
    return build(Params(model=model, inputs=count), models)[1]  # type: ignore[arg-type]


def first(asked: Question) -> Question:
    """The first sequence alone, without padding."""
    length = int(asked.real[0].sum())
    inputs = asked.inputs[:1] if asked.network.config.patch else asked.inputs[:1, :length]
    return Question(asked.network, inputs, asked.real[:1, :length], asked.places[:1])


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_rank_correlations_are_scipys(levels: int) -> None:
    generator = torch.Generator().manual_seed(levels)
    for _ in range(20):
        one, other = torch.randint(levels, (2, 12), generator=generator).float()
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-6)
    assert spearman(torch.ones(5), torch.arange(5.0)) == 0


@torch.no_grad()
@pytest.mark.parametrize("model", ["words", "digits"])
def test_leaving_out_is_reading_a_shorter_sequence(models: Models, model: str) -> None:
    """The others keep their positions, so that the table of positions loses a row too."""
    answers = Answers.of(first(question(models, model)))
    asked, [place] = answers.question, answers.question.places.tolist()
    falls = answers.left_out[0][0]
    table = asked.network.get_parameter(TABLE)
    for gone in range(asked.real.shape[1]):
        if gone == place:
            assert float(falls[gone]) == pytest.approx(0, abs=1e-5)
            continue
        kept = [i for i in range(asked.real.shape[1]) if i != gone]
        shorter = asked.inputs[:, kept] if model == "words" else patches(asked, gone)
        logits = functional_call(asked.network, {TABLE: table[kept]}, (shorter,))
        log_prob = logits[0, kept.index(place)].log_softmax(dim=-1)[answers.guesses[0]]
        assert float(answers.scores[0] - log_prob) == pytest.approx(float(falls[gone]), abs=1e-4)


def patches(asked: Question, gone: int) -> Tensor:
    """The picture's patches without the one at place `gone`; the class token stands at 0."""
    return asked.inputs[:, [i for i in range(asked.inputs.shape[1]) if i + 1 != gone]]


@pytest.mark.parametrize("model", ["words", "digits"])
def test_the_gradient_of_a_weight_is_the_finite_difference(
    models: Models, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.no_grad():
        asked = first(question(models, model))
        answers = Answers.of(asked)
        original = Attention.even_out
        layer, head, key, size = 0, 2, 1, 1e-2
        row = int(asked.places[0])

        def nudged(step: float) -> Callable[..., Tensor]:
            def even_out(self: Attention, pattern: Tensor, masked: Tensor, by: Switches) -> Tensor:
                pattern = original(self, pattern, masked, by)
                if self.name == f"encoder.{layer}.self_attention":
                    pattern = pattern.clone()
                    pattern[0, head, row, key] += step
                return pattern

            return even_out

        scores = []
        for step in (size, -size):
            monkeypatch.setattr(Attention, "even_out", nudged(step))
            scores.append(float(asked.log_probs(asked.states())[0, answers.guesses[0]]))
        slope = (scores[0] - scores[1]) / (2 * size)
        found = float(answers.gradients[layer][0, head, row, key])
        assert found == pytest.approx(slope, rel=0.05, abs=2e-3)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_rollout_is_a_walk_over_the_layers(models: Models, kept: float) -> None:
    """Summed over paths: in each layer one stays, with the identity's share, or follows a look."""
    with torch.no_grad():
        answers = Answers.of(question(models, "digits"))
        start = torch.zeros(len(answers.guesses), 17)
        start[:, 0] = 1
        for pattern in reversed(answers.patterns):
            looks = torch.einsum("bs,bhst->bt", start, pattern) / pattern.shape[1]
            start = kept * start + (1 - kept) * looks
        torch.testing.assert_close(answers.rollout(kept), start)
        assert answers.rollout(kept).sum(dim=-1).tolist() == pytest.approx([1] * 8, abs=1e-5)


def test_padding_changes_no_answer(models: Models) -> None:
    with torch.no_grad():
        asked = question(models, "words")
        whole, alone = Answers.of(asked), Answers.of(first(asked))
        length = alone.question.real.shape[1]
        for found, expected in (
            (whole.scores, alone.scores),
            (whole.left_out[0][:, :length], alone.left_out[0]),
            (whole.heads_cut, alone.heads_cut),
            (whole.gradient_times_attention[:, :length], alone.gradient_times_attention),
        ):
            torch.testing.assert_close(found[:1], expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("layer", ["first", "last"])
@pytest.mark.parametrize("model", ["words", "digits"])
def test_every_check_holds_for_either_model(models: Models, model: str, layer: str) -> None:
    assert failed(run(models, model=model, layer=layer)) == []


def test_without_the_identity_rollout_is_no_better(models: Models) -> None:
    assert [claim[:7] for claim in failed(run(models, kept=0))] == ["Rollout"]


def test_the_prediction_differs_between_the_models(models: Models) -> None:
    assert (run(models).outcome, run(models, model="digits").outcome) == (1, 2)


@pytest.mark.parametrize("model", ["words", "digits"])
def test_it_is_drawn_at_the_bounds_of_each_model(models: Models, model: str) -> None:
    for inputs, kept, picture in ((8, 0.9, 360), (40, 0.0, 1)):
        illustration = run(models, model=model, inputs=inputs, kept=kept, picture=picture)
        assert len(illustration.figures) == 2
        for row in illustration.table.rows:
            assert sum(map(float, row[1:])) == pytest.approx(1, abs=0.02)
