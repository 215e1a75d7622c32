"""The layer-norm lab's norms are the formulas and PyTorch's; gradients shrink in pre-norm alone."""

import pytest
import torch
from torch import Tensor, nn

from app.labs.illustration import Illustration
from app.labs.layer_norm import (
    CHANNELS,
    KINDS,
    PLACES,
    Kind,
    Params,
    build,
    illustrate,
    last_gradient,
    normalise,
    read_stream,
)
from model.checkpoint import Models


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def draw(*shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(0)) + 2


MODULES: dict[Kind, nn.Module] = {
    "layer": nn.LayerNorm(CHANNELS),
    "rms": nn.RMSNorm(CHANNELS, eps=1e-5),
    "batch": nn.BatchNorm1d(CHANNELS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stacks_norm_is_pytorchs(kind: Kind) -> None:
    stream = draw(2, 9, CHANNELS)
    expected = torch.stack([MODULES[kind](rows) for rows in stream])
    torch.testing.assert_close(normalise(stream, kind), expected, atol=1e-5, rtol=1e-5)


def test_the_translators_stream_is_normalised_by_the_formulas(models: Models) -> None:
    ids = models.translator.encode("The red cars are not old.", "fr")
    stream = read_stream(ids, models)
    mean, variance = stream.mean(-1, keepdim=True), stream.var(-1, keepdim=True, correction=0)
    wanted: dict[Kind, Tensor] = {
        "layer": (stream - mean) / (variance + 1e-5).sqrt(),
        "rms": stream / (stream.square().mean(-1, keepdim=True) + 1e-5).sqrt(),
        "batch": (stream - stream.mean(0)) / (stream.var(0, correction=0) + 1e-5).sqrt(),
    }
    for kind, expected in wanted.items():
        found = build(kind, False, models)(stream)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_trained_gain_and_bias_are_what_the_translators_second_layer_reads(models: Models) -> None:
    network, ids = models.translator.network, models.translator.encode("We are old.", "fr")
    assert network.encoder is not None
    layer = network.encoder.layers[1]
    stream = read_stream(ids, models)
    found = build("layer", True, models)(stream)
    torch.testing.assert_close(found, layer.before(stream, "self_attention"))  # type: ignore[operator,union-attr]


@pytest.mark.parametrize(
    ("norm", "broken"),
    [
        ("layer", set()),
        ("rms", {"mean 0", "variance 1", "Adding the same"}),
        ("batch", {"mean 0", "variance 1", "other sentences", "Training and inference"}),
    ],
)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("depth", [16, 64])
def test_each_norm_breaks_its_own_claims(
    models: Models, norm: str, broken: set[str], place: str, depth: int
) -> None:
    illustration = run(models, norm=norm, place=place, depth=depth)
    expected = broken | ({"shrinks"} if place == "after" else set())
    claims = failed(illustration)
    assert len(claims) == len(expected), claims
    assert all(any(part in claim for claim in claims) for part in expected)
    assert illustration.outcome == (1 if place == "before" else 0)


def test_a_trained_gain_undoes_mean_and_variance(models: Models) -> None:
    assert failed(run(models, gain="trained")) == [
        "Each token comes out with mean 0.",
        "Each token comes out with variance 1.",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_pre_norms_last_gradient_falls_as_the_root_of_the_streams_variance(kind: Kind) -> None:
    # With unit-variance updates the stream ends with variance 1 + L: Xiong et al. 2020.
    one, deep = (float(last_gradient(depth, "before", kind).median()) for depth in (1, 63))
    assert deep / one == pytest.approx((2 / 64) ** 0.5, rel=0.25)


def test_the_picture_follows_the_sentence(models: Models) -> None:
    one, other = run(models), run(models, sentence="We are old.")
    assert one.figures[0] != other.figures[0]
    assert one.table == other.table
