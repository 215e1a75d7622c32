"""The residual lab's blocks are PyTorch's encoder layers and our own Transformer's, without skips;
what vanishes without skips depends on normalisation and weights, as answer 08 says."""

import math

import pytest
import torch
from torch import Tensor, nn

from app.labs.illustration import Illustration
from app.labs.residual import CHANNELS, Params, illustrate, pass_through, propagate
from model.checkpoint import Models
from model.config import Config, Switches
from model.transformer import Transformer


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> set[str]:
    return {check.claim for check in illustration.checks if not check.holds}


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def encoder_layer(block: list[Tensor], *, norm_first: bool) -> nn.TransformerEncoderLayer:
    """PyTorch's layer with the five matrices of `block`, (C, C) each, and no biases."""
    queries, keys, values, widen, narrow = block
    layer = nn.TransformerEncoderLayer(
        CHANNELS, 1, CHANNELS, dropout=0, batch_first=True, norm_first=norm_first, bias=False
    )
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(torch.cat((queries.T, keys.T, values.T)))
        layer.self_attn.out_proj.weight.copy_(torch.eye(CHANNELS))
        layer.linear1.weight.copy_(widen.T)
        layer.linear2.weight.copy_(math.sqrt(2) * narrow.T)
    return layer


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_block_is_pytorchs_encoder_layer(norm_first: bool) -> None:
    blocks = [[draw(CHANNELS, CHANNELS) / n / 6 for n in (1, 2, 3, 4, 5)] for _ in range(2)]
    stream = draw(2, 7, CHANNELS)
    states, outputs = pass_through(stream, blocks, True, "before" if norm_first else "after")
    for block, before, after in zip(blocks, states, states[1:], strict=False):
        expected = encoder_layer(block, norm_first=norm_first)(before)
        torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)
    assert len(outputs) == 2 * len(blocks)


def test_without_skips_a_block_is_our_transformers() -> None:
    network = Transformer(
        Config(
            vocabulary=9,
            encoder_layers=1,
            channels=CHANNELS,
            heads=1,
            hidden=CHANNELS,
            activation="relu",
            positions="none",
            bias=False,
        )
    )
    matrices = {
        f"self_attention.{name}": draw(CHANNELS, CHANNELS) / 6
        for name in ("queries", "keys", "values")
    } | {f"feed_forward.{name}": draw(CHANNELS, CHANNELS) / 6 for name in ("widen", "narrow")}
    weights = {f"encoder.layers.0.{name}.weight": matrix.T for name, matrix in matrices.items()}
    weights["encoder.layers.0.self_attention.output.weight"] = torch.eye(CHANNELS)
    network.load_state_dict(network.state_dict() | weights)
    trace: dict[str, Tensor] = {}
    network(torch.arange(9)[None], trace=trace, switches=Switches(residual=False))
    states, _ = pass_through(trace["encoder.embedding"], [list(matrices.values())], False, "before")
    torch.testing.assert_close(
        states[-1], math.sqrt(2) * trace["encoder.0.residual.feed_forward"], atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("depth", [2, 24, 48])
@pytest.mark.parametrize("weights", [0.25, 0.5, 1])
def test_with_skips_and_pre_norm_every_claim_holds(
    models: Models, depth: int, weights: float
) -> None:
    assert failed(run(models, depth=depth, weights=weights)) == set()


@pytest.mark.parametrize("depth", [8, 24, 48])
def test_normalised_and_well_scaled_it_is_the_tokens_that_collapse(
    models: Models, depth: int
) -> None:
    illustration = run(models, depth=depth, skips="off")
    assert illustration.outcome == 0  # the first block's gradient stays
    claims = failed(illustration)
    assert {"Tokens stay apart.", "Where to look matters up to the last block."} < claims
    assert "The gradient at the top of the stream reaches the bottom." not in claims


@pytest.mark.parametrize("weights", [0.25, 0.5])
@pytest.mark.parametrize("depth", [8, 24, 48])
def test_without_normalisation_and_with_small_weights_the_gradient_dies(
    models: Models, depth: int, weights: float
) -> None:
    plain = run(models, depth=depth, weights=weights, norm="none", skips="off")
    assert plain.outcome == 1
    assert len(failed(plain)) == len(plain.checks)
    with_skips = failed(run(models, depth=depth, weights=weights, norm="none"))
    assert "The gradient at the top of the stream reaches the bottom." not in with_skips


def test_the_stream_is_a_sum_in_pre_norm_alone() -> None:
    assert propagate(6, True, "before", 1).missing < 1e-12
    assert propagate(6, True, "after", 1).missing > 0.1
    assert propagate(6, False, "before", 1).missing > 0.1


def test_pre_norm_variance_grows_about_linearly() -> None:
    variance = propagate(48, True, "before", 1).variance.mean(dim=1)
    assert float(variance[48] - variance[24]) == pytest.approx(
        float(variance[24] - variance[0]), rel=0.35
    )


def test_the_trained_stream_ends_in_the_translators_own_logits(models: Models) -> None:
    illustration = run(models, look="trained")
    assert failed(illustration) == set()
    assert illustration.outcome is None
    translation = models.translator.translate("The red cars are not old.")
    logits = models.translator.network(translation.source_ids, translation.target_ids)
    chances = logits[0].softmax(dim=-1)[torch.arange(len(translation.output_ids))]
    expected = chances.gather(1, translation.output_ids[:, None])[:, 0]
    last = torch.tensor(illustration.table.rows[-1][1:])
    torch.testing.assert_close(last, expected, atol=1e-3, rtol=0)


def test_without_skips_the_trained_stream_is_no_sum_and_translates_nothing(models: Models) -> None:
    claims = failed(run(models, look="trained", skips="off"))
    assert claims == {check.claim for check in run(models, look="trained").checks} - {
        "Every sublayer puts out vectors as wide as the stream."
    }
