"""Accumulated gradients: Hugging Face's loss and PyTorch's own `.grad` come to the same."""

import copy
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from transformers.loss.loss_utils import fixed_cross_entropy

from app.labs import gradient_accumulation as lab
from app.labs.illustration import Illustration
from app.labs.parts.micro_batches import OverBatch, Step, Weighting, accumulate, prepare
from model.checkpoint import Models

WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)


def run(models: Models, **params: Any) -> Illustration:
    return lab.illustrate(lab.Params.model_validate(params), models)


def draw(models: Models, **params: Any) -> tuple[Tensor, Tensor]:
    return lab._draw(models.translator, lab.Params.model_validate(params))


def by_backward(models: Models, source: Tensor, target: Tensor, weighting: Weighting) -> Tensor:
    """The gradient (P,) of four micro-batches that PyTorch adds up, by Hugging Face's loss."""
    network = copy.deepcopy(models.translator.network).double().requires_grad_(True)
    pad, total = models.translator.tokenizer.pad, (target[:, 1:] != 0).sum()
    for read, written in zip(source.chunk(4), target.chunk(4), strict=True):
        logits = network(read, written[:, :-1], real=read != pad).flatten(0, 1)
        labels = written[:, 1:].flatten().masked_fill(written[:, 1:].flatten() == pad, -100)
        items = total if weighting == "tokens" else None
        loss = fixed_cross_entropy(logits, labels, num_items_in_batch=items)
        (loss / 4 if weighting == "batches" else loss).backward()
    return torch.cat([weights.grad.flatten() for weights in network.parameters()])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_every_weighting_is_what_backward_adds_up(models: Models, weighting: Weighting) -> None:
    source, target = draw(models)
    step = accumulate(prepare(models.translator.network, "layer"), source, target, 4, 0)
    expected = by_backward(models, source, target, weighting)
    torch.testing.assert_close(step.gradient(weighting), expected, atol=1e-10, rtol=1e-8)


def test_batch_norm_takes_its_statistics_over_the_batch() -> None:
    torch.manual_seed(0)
    stream = torch.randn(3, 5, 8)
    norm, ours = nn.BatchNorm1d(8).train(), OverBatch(8, track_running_stats=False).eval()
    expected = norm(stream.transpose(1, 2)).transpose(1, 2)  # PyTorch wants (B, C, T)
    torch.testing.assert_close(ours(stream), expected)


def test_the_weights_of_all_tokens_add_up_to_one_but_where_nothing_divides() -> None:
    step = Step(sums=torch.zeros(1), means=torch.zeros(1), tokens=[10, 90])
    total = {
        name: sum(step.share(name, batch) * count for batch, count in enumerate(step.tokens))
        for name in WEIGHTINGS
    }
    assert total == pytest.approx({"tokens": 1, "batches": 1, "none": 2})
    assert step.share("batches", 0) / step.share("batches", 1) == pytest.approx(9)


def test_the_models_own_network_is_left_as_it_is(models: Models) -> None:
    network = models.translator.network
    before = {name: weights.clone() for name, weights in network.state_dict().items()}
    run(models, norm="batch", steps=2)
    assert all(torch.equal(weights, before[name]) for name, weights in network.state_dict().items())
    assert not any(weights.requires_grad for weights in network.parameters())


@pytest.mark.parametrize("seed", [1, 50, 99])
def test_equal_targets_are_equal_and_uneven_ones_are_not(models: Models, seed: int) -> None:
    for lengths in ("equal", "uneven"):
        _, target = draw(models, seed=seed, lengths=lengths)
        counts = (target[:, 1:] != 0).sum(dim=1)
        assert len(target) == 8
        assert (len(set(counts.tolist())) == 1) == (lengths == "equal")


@pytest.mark.parametrize(
    ("params", "outcome"),
    [
        ({}, 0),
        ({"steps": 8}, 0),
        ({"weighting": "batches"}, 2),
        ({"weighting": "batches", "lengths": "equal"}, 0),
        ({"weighting": "none", "lengths": "equal"}, 1),
        ({"norm": "batch"}, 2),
    ],
)
def test_the_prediction_is_measured(models: Models, params: dict[str, Any], outcome: int) -> None:
    illustration = run(models, **params)
    assert illustration.outcome == outcome
    assert illustration.checks[0].holds == (outcome == 0)
