"""The feed-forward lab's network is a convolution of width one, as the 2017 paper has it too, and
its neurons are those of the trained translator."""

import pytest
import torch
from torch import nn

from app.labs.feed_forward import Params, illustrate
from app.labs.illustration import Illustration
from app.labs.parts.neurons import Network, layer_of, promoted, sizes, with_feed_forward
from model.checkpoint import Models
from model.feed_forward import FeedForward
from model.trace import Trace

SENTENCE = "The red cars are not old."


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def convolutions(inner: FeedForward) -> tuple[nn.Conv1d, nn.Conv1d]:
    """The two matrices as convolutions over the tokens, of width one."""
    hidden, channels = inner.widen.weight.shape
    first, second = nn.Conv1d(channels, hidden, 1), nn.Conv1d(hidden, channels, 1)
    for convolution, linear in ((first, inner.widen), (second, inner.narrow)):
        weights = {"weight": linear.weight[:, :, None], "bias": linear.bias}
        convolution.load_state_dict(weights)
    return first, second


@pytest.mark.parametrize("layer", [0, 1])
@torch.no_grad()
def test_the_network_is_two_convolutions_of_width_one(models: Models, layer: int) -> None:
    inner = layer_of(models.translator.network, layer).feed_forward
    first, second = convolutions(inner)
    stream = torch.randn(2, 9, 128, generator=torch.Generator().manual_seed(0))
    expected = second(first(stream.mT).relu()).mT
    torch.testing.assert_close(Network(inner, "as trained")(stream, None), expected)
    linear = second(first(stream.mT)).mT
    torch.testing.assert_close(Network(inner, "no activation")(stream, None), linear)


@torch.inference_mode()
def test_as_trained_the_logits_are_the_models_own_and_it_is_left_as_it_was(models: Models) -> None:
    network = models.translator.network
    translation = models.translator.translate(SENTENCE)
    given = translation.source_ids, translation.target_ids
    trace: Trace = {}
    expected = network(*given, trace=trace)
    silenced = with_feed_forward(network, 1, "silenced")
    assert not torch.equal(silenced(*given), expected)
    assert torch.equal(with_feed_forward(network, 1, "as trained")(*given), expected)
    assert torch.equal(network(*given), expected)
    shown = run(models).figures[0].data[0].z
    drawn = torch.tensor(shown)
    torch.testing.assert_close(
        drawn, trace["decoder.1.feed_forward.activations"][0], atol=1e-2, rtol=1e-2
    )


def test_weights_are_shared_with_the_trained_network(models: Models) -> None:
    network = models.translator.network
    altered = with_feed_forward(network, 0, "silenced")
    ours = {id(weights) for weights in network.parameters()}
    assert {id(weights) for weights in altered.parameters()} == ours


@torch.inference_mode()
def test_a_neuron_promotes_the_tokens_whose_logits_its_value_raises(models: Models) -> None:
    translator = models.translator
    inner = layer_of(translator.network, 1).feed_forward
    value = inner.narrow.weight[:, 7]
    norm = translator.network.decoder.norm  # type: ignore[union-attr]
    length = (value - value.mean()).square().mean().sqrt()
    logits = translator.network.output(norm(value) - norm.bias) * length
    best = translator.tokenizer.pieces(logits.topk(3).indices.tolist())
    assert promoted(7, inner, translator) == best


@torch.inference_mode()
def test_sizes_are_the_lengths_of_what_neurons_add(models: Models) -> None:
    inner = layer_of(models.translator.network, 0).feed_forward
    activations = torch.zeros(512)
    activations[3] = -2.0
    added = inner.narrow(activations) - inner.narrow.bias
    assert float(sizes(activations, inner).sum()) == pytest.approx(float(added.norm()), rel=1e-5)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("token", [1, 63])
def test_every_claim_holds_at_the_bounds(models: Models, layer: int, token: int) -> None:
    illustration = run(models, layer=layer, token=token)
    assert failed(illustration) == []
    assert illustration.outcome == 2
    assert len(illustration.table.rows) == 8


@pytest.mark.parametrize(
    ("altered", "outcome", "broken"),
    [
        ("no activation", 0, ["more than one matrix", "value vector", "translation"]),
        ("mixes neighbours", 2, ["by itself", "value vector", "translation"]),
        ("silenced", 2, ["more than one matrix", "value vector", "translation"]),
    ],
)
def test_an_alteration_breaks_its_claims(
    models: Models, altered: str, outcome: int, broken: list[str]
) -> None:
    illustration = run(models, altered=altered)
    claims = failed(illustration)
    assert len(claims) == len(broken)
    assert all(part in claim for part, claim in zip(broken, claims, strict=True))
    assert illustration.outcome == outcome


def test_the_same_text_gives_the_same_picture_and_another_another(models: Models) -> None:
    one, again, other = (run(models, sentence=text) for text in (SENTENCE, SENTENCE, "We sleep."))
    assert one.figures[0].to_json() == again.figures[0].to_json() != other.figures[0].to_json()
    assert one.reading == again.reading != other.reading
