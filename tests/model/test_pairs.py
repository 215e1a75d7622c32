"""The pair classifier's two readers, and its file."""

from pathlib import Path

import pytest
import torch

from model.checkpoint import WEIGHTS, CheckpointError, Models
from model.pairs import (
    COUNTERED,
    READERS,
    Pair,
    Words,
    load_classifier,
    load_pairs,
    quantise,
    save_pairs,
    start_from,
)

PAIRS = [
    Pair("The softmax runs over the keys.", "It normalises over all keys.", "Scores come first."),
    Pair("The softmax runs over the keys.", "The softmax runs over the queries."),
]


def test_a_word_in_pieces_is_marked_as_one(models: Models) -> None:
    words = Words(models.minilm.tokenizer)
    ids, marks = words.join(Pair("The encoder is causal.", "The decoder is bidirectional."))
    tokens = [str(words.tokenizer.id_to_token(token)) for token in ids]
    assert sum(token.startswith("##") for token in tokens) > 3  # of encoder, of bidirectional ...
    countered = {token for token, mark in zip(tokens, marks, strict=True) if mark % 4 == COUNTERED}
    idle = {"[CLS]", "[SEP]", ".", "the", "is"}
    assert countered == set(tokens) - idle


def test_a_matrix_in_eight_bits_is_off_by_half_a_step_at_most() -> None:
    weights = torch.randn(40, 60, generator=torch.Generator().manual_seed(1))
    weights[3] *= 100
    weights[4] = 0
    whole, scales = quantise(weights)
    assert (whole.dtype, whole.shape, scales.shape) == (torch.int8, (40, 60), (40, 1))
    off = (whole * scales.float() - weights).abs()
    assert bool((off <= 0.501 * weights.abs().amax(dim=1, keepdim=True) / 127 + 1e-6).all())


def test_what_is_kept_is_what_is_read(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "grader.safetensors"
    classifier = load_classifier(WEIGHTS / "grader.safetensors", models.minilm)
    save_pairs(path, classifier)
    again = load_classifier(path, models.minilm)
    for name, weights in classifier.own().items():
        torch.testing.assert_close(again.own()[name], weights, rtol=0.01, atol=1e-4)


def test_every_reader_begins_as_minilm(models: Models) -> None:
    untrained = start_from(models.minilm)
    assert models.minilm.network.encoder is not None
    theirs = models.minilm.network.encoder.layers.state_dict()
    assert len(untrained.stacks()) == READERS
    for stack in untrained.stacks():
        ours = stack.layers.state_dict()
        assert all(torch.equal(ours[name], weights) for name, weights in theirs.items())


def test_the_shipped_readers_are_small_and_differ(models: Models) -> None:
    assert (WEIGHTS / "grader.safetensors").stat().st_size < 25_000_000
    logs = [models.pairs.weigh(PAIRS, reader) for reader in range(READERS)]
    for each in logs:
        torch.testing.assert_close(each.exp().sum(dim=1), torch.ones(2))
    assert float((logs[0] - logs[1]).abs().max()) > 0.01


def test_pairs_read_together_are_read_as_each_alone(models: Models) -> None:
    claims = ("Whales are mammals.", "Rain is wet, as everybody knows who went out without a coat.")
    passages = (
        "Whales are mammals.",
        "They nurse their young and breathe air.",
        "It rained.",
        "No.",
    )
    pairs = [Pair(claim, passage) for claim in claims for passage in passages]
    alone = torch.cat([models.pairs.weigh([pair]) for pair in pairs])
    torch.testing.assert_close(models.pairs.weigh(pairs), alone, atol=0.1, rtol=0.05)


def test_weights_that_are_missing_or_damaged_name_the_file(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "grader.safetensors"
    with pytest.raises(CheckpointError, match=r"grader\.safetensors is missing: .make train"):
        load_pairs(path, models.minilm)
    path.write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="damaged"):
        load_pairs(path, models.minilm)
