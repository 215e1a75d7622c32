"""The training-memory lab counts the bytes that PyTorch's profiler sees allocated and not freed,
and updates as torch.optim does."""

import copy

import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from app.labs.illustration import Illustration
from app.labs.parts.training_step import (
    RATES,
    Kernel,
    Optimiser,
    Precision,
    Training,
    predicted,
    size,
)
from app.labs.training_memory import Params, illustrate
from model.checkpoint import Models
from model.transformer import Transformer


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


@pytest.fixture
def trained(models: Models) -> Transformer:
    return models.translator.network


@pytest.mark.parametrize("precision", ["32-bit", "mixed"])
@pytest.mark.parametrize("kernel", ["plain", "fused"])
def test_activations_are_what_the_profiler_sees_kept(
    trained: Transformer, precision: Precision, kernel: Kernel
) -> None:
    training = Training(trained, precision, "Adam", kernel)
    training.forward(2, 32)  # what is made once for all is made here
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        loss, activations = training.forward(2, 32)
    kept = sum(event.self_cpu_memory_usage for event in profiler.key_averages())
    assert loss.requires_grad
    assert kept == pytest.approx(activations.total, rel=0.01)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("length", [64, 128])
@pytest.mark.parametrize("kernel", ["plain", "fused"])
@pytest.mark.parametrize("precision", ["32-bit", "16-bit alone"])
def test_the_formula_is_near_the_measurement(
    trained: Transformer, batch: int, length: int, kernel: Kernel, precision: Precision
) -> None:
    training = Training(trained, precision, "SGD", kernel)
    measured = training.forward(batch, length)[1]
    formula = predicted(trained.config, batch, length, half=training.half, kernel=kernel)
    assert (measured.patterns, measured.logits) == (formula.patterns, formula.logits)
    assert measured.others == pytest.approx(formula.others, rel=0.06)


@pytest.mark.parametrize("optimiser", ["Adam", "SGD"])
def test_an_update_is_that_of_torch_optim(trained: Transformer, optimiser: Optimiser) -> None:
    training = Training(trained, "32-bit", optimiser, "plain")
    weights = [weight.clone().requires_grad_(True) for weight in training.weights]
    build = {"Adam": torch.optim.Adam, "SGD": torch.optim.SGD}[optimiser]
    optim = build(weights, lr=RATES[optimiser])
    for _ in range(2):
        training.step(2, 32)
        for weight, gradient in zip(weights, training.gradients, strict=True):
            weight.grad = gradient.clone()
        optim.step()
    for ours, other in zip(training.weights, weights, strict=True):
        torch.testing.assert_close(ours, other.detach(), atol=1e-7, rtol=1e-6)
    kept = [tensor for held in optim.state.values() for tensor in held.values()]
    assert training.state.optimiser == size(t for t in kept if t is not None and t.dim())


def test_gradients_are_autograds(trained: Transformer) -> None:
    network = copy.deepcopy(trained).requires_grad_(True)
    generator = torch.Generator().manual_seed(32)
    drawn = torch.randint(trained.config.vocabulary, (3, 2, 32), generator=generator)
    F.cross_entropy(network(drawn[0], drawn[1]).flatten(0, 1), drawn[2].flatten()).backward()
    for precision, near in (("32-bit", 1e-5), ("mixed", 0.2)):
        training = Training(trained, precision, "SGD", "plain")  # type: ignore[arg-type]
        training.step(2, 32)
        for ours, weight in zip(training.gradients, network.parameters(), strict=True):
            assert weight.grad is not None
            if float(weight.grad.norm()) > 1e-3:  # a bias on all keys has none
                apart = float((ours.float() - weight.grad).norm() / weight.grad.norm())
                assert apart < near


def test_a_fused_kernel_gives_the_same_loss(trained: Transformer) -> None:
    losses = [Training(trained, "32-bit", "SGD", k).forward(2, 32)[0] for k in ("plain", "fused")]
    torch.testing.assert_close(losses[0], losses[1], atol=1e-4, rtol=1e-4)


def test_the_trained_network_is_left_as_it_was(models: Models, trained: Transformer) -> None:
    before = copy.deepcopy(trained.state_dict())
    run(models)
    assert all(torch.equal(before[name], part) for name, part in trained.state_dict().items())
    assert not any(weight.requires_grad for weight in trained.parameters())
    assert trained.config.limit == 64


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("length", [64, 128])
@pytest.mark.parametrize("precision", ["32-bit", "mixed"])
def test_every_claim_holds_at_the_bounds(
    models: Models, batch: int, length: int, precision: str
) -> None:
    illustration = run(models, batch=batch, length=length, precision=precision, over="length")
    assert failed(illustration) == []
    assert illustration.outcome == 2


@pytest.mark.parametrize(
    ("params", "broken"),
    [
        ({"precision": "16-bit alone"}, ["16 bytes", "small update"]),
        ({"optimiser": "SGD"}, ["16 bytes"]),
        ({"optimiser": "SGD", "precision": "32-bit"}, ["Besides", "16 bytes"]),
        ({"kernel": "fused"}, ["four times as many"]),
    ],
)
def test_a_control_breaks_its_claims(
    models: Models, params: dict[str, str], broken: list[str]
) -> None:
    claims = failed(run(models, **params))
    assert len(claims) == len(broken)
    assert all(part in claim for part, claim in zip(broken, claims, strict=True))


def test_the_same_step_twice(models: Models) -> None:
    one, again, other = (run(models, precision=p) for p in ("mixed", "mixed", "32-bit"))
    assert (one.table, one.reading) == (again.table, again.reading)
    assert one.table != other.table
