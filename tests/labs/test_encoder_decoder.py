"""The two stacks, joined in every way the lab offers, are PyTorch's own layers with our weights."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from app.labs import encoder_decoder as lab
from app.labs.illustration import Illustration
from app.labs.parts.two_stacks import Reads, cross_attentions, intervene, write
from model.checkpoint import Models
from model.positions import sinusoids
from model.transformer import Layer, Stack, Transformer

SENTENCE = "The red cars are not old."
LONG = "the red car " * 20


def run(models: Models, **params: Any) -> Illustration:
    return lab.illustrate(lab.Params.model_validate(params), models)


def take(theirs: nn.MultiheadAttention, ours: Any) -> None:
    """Our attention's weights in PyTorch's."""
    parts = (ours.queries, ours.keys, ours.values)
    theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


def rebuild(network: Transformer, layer: Layer, *, decodes: bool) -> nn.Module:
    """PyTorch's layer with the weights of ours."""
    config = network.config
    build = nn.TransformerDecoderLayer if decodes else nn.TransformerEncoderLayer
    theirs: Any = build(
        config.channels, config.heads, config.hidden, 0.0, norm_first=True, batch_first=True
    )
    sublayers = ["self_attention", "cross_attention", "feed_forward"]
    for number, name in enumerate([name for name in sublayers if name in layer.norms], 1):
        getattr(theirs, f"norm{number}").load_state_dict(layer.norms[name].state_dict())
    take(theirs.self_attn, layer.self_attention)
    if decodes:
        take(theirs.multihead_attn, layer.cross_attention)
    theirs.linear1.load_state_dict(layer.feed_forward.widen.state_dict())
    theirs.linear2.load_state_dict(layer.feed_forward.narrow.state_dict())
    return theirs.eval()


def embed(network: Transformer, stack: Stack, ids: Tensor) -> Tensor:
    places = sinusoids(torch.arange(ids.shape[1]), network.config.channels)
    return network.embedding(ids) * stack.scale + places


def by_pytorch(network: Transformer, source: Tensor, target: Tensor, reads: Reads) -> Tensor:
    """Logits (1, T, V) from PyTorch's layers, the decoder reading what `reads` says."""
    encoder, decoder = network.encoder, network.decoder
    assert encoder is not None
    assert decoder is not None
    streams = [embed(network, encoder, source)]
    for layer in encoder.layers:
        streams.append(rebuild(network, layer, decodes=False)(streams[-1]))
    embeddings, *levels = [encoder.norm(stream) for stream in streams]
    memories = {
        "last layer": [levels[-1]] * 2,
        "first layer": [levels[0]] * 2,
        "embeddings": [embeddings] * 2,
        "level by level": levels,
        "zeros": [torch.zeros_like(embeddings)] * 2,
    }[reads]
    stream = embed(network, decoder, target)
    later = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
    for layer, memory in zip(decoder.layers, memories, strict=True):
        stream = rebuild(network, layer, decodes=True)(stream, memory, tgt_mask=later)
    return network.output(decoder.norm(stream))


@pytest.mark.parametrize("reads", get_args(Reads))
def test_every_wiring_gives_the_logits_of_pytorchs_layers(models: Models, reads: Reads) -> None:
    translator = models.translator
    translation = translator.translate(SENTENCE)
    with torch.no_grad():
        trace = intervene(translator.network, translation, reads)["as it is"]
        expected = by_pytorch(
            translator.network, translation.source_ids, translation.target_ids, reads
        )
    torch.testing.assert_close(trace["logits"], expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("again", [True, False])
def test_what_is_written_is_the_translators_own_translation(models: Models, again: bool) -> None:
    translator = models.translator
    translation = translator.translate(SENTENCE)
    with torch.no_grad():
        written = write(translator, translation.source_ids, "last layer", again=again)
    assert written.ids == translation.output_ids.tolist()
    steps, tokens = len(written.ids), len(translation.source_tokens)
    assert written.encoded == ([tokens] * steps if again else [tokens] + [0] * (steps - 1))
    assert written.decoded == [1] * steps


def test_each_decoder_layer_has_one_place_where_it_reads(models: Models) -> None:
    network = models.translator.network
    names = [attention.name for attention in cross_attentions(network)]
    assert names == ["decoder.0.cross_attention", "decoder.1.cross_attention"]
    assert cross_attentions(models.lm.network) == []


def test_the_wiring_is_found_by_what_moves(models: Models) -> None:
    rows = {row[0]: row[5:] for row in run(models).table.rows}
    zeros = {name: [value == 0 for value in row] for name, row in rows.items()}
    assert zeros == {
        "encoder 1, self": [False, True, False, True],
        "encoder 2, self": [False, True, False, True],
        "decoder 1, self": [True, False, True, False],
        "decoder 1, cross": [True, False, False, True],
        "decoder 2, self": [False, False, False, False],
        "decoder 2, cross": [False, False, False, True],
    }


@pytest.mark.parametrize("sentence", ["Go.", LONG])
@pytest.mark.parametrize("encode", ["once", "every step"])
def test_it_holds_for_short_and_long_sentences(models: Models, sentence: str, encode: str) -> None:
    checks = run(models, sentence=sentence, encode=encode).checks
    failed = [check.claim for check in checks if not check.holds]
    assert all("runs once" in claim for claim in failed)
    assert bool(failed) == (encode == "every step")


def test_the_prediction_is_measured(models: Models) -> None:
    assert run(models).outcome == 0
    assert run(models, encode="every step").outcome == 2
