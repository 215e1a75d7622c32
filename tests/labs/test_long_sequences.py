"""Longer texts: what is read is what the network itself reads, and the same tokens are foretold."""

import pytest
import torch
from torch.nn import functional as F

from app.labs.long_sequences import LAST, Params, foretell, illustrate, scores
from model.checkpoint import Models
from model.tasks.lengths import LIMIT, OWN, SCHEMES, last_losses, unseen


@pytest.fixture(scope="module")
def tokens(models: Models) -> torch.Tensor:
    return unseen(models.length("none").details["words"], count=4, length=128)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_read_at_once_it_is_the_network_itself(
    models: Models, tokens: torch.Tensor, scheme: str
) -> None:
    network = models.length(scheme).network  # type: ignore[arg-type]
    found = foretell(network, tokens, 96, Params())
    torch.testing.assert_close(found, last_losses(network, tokens, 96, LAST))
    logits = network(tokens[:1, -97:-1])[0, -1]  # (V,)
    expected = -F.log_softmax(logits, dim=-1)[tokens[0, -1]]
    assert float(found[0, -1]) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_chunk_sees_what_a_text_of_its_length_has_and_nothing_before(
    models: Models, tokens: torch.Tensor, scheme: str
) -> None:
    network = models.length(scheme).network  # type: ignore[arg-type]
    chunks = Params(reads="chunks", span=48)
    changed = tokens.clone()
    changed[:, : -48 - 1] = 0
    for given in (tokens, changed):
        found = foretell(network, given, 128, chunks)
        torch.testing.assert_close(found, last_losses(network, tokens, 48, LAST))


def test_a_window_reaches_so_far_in_each_of_two_layers(
    models: Models, tokens: torch.Tensor
) -> None:
    network = models.length("alibi").network
    params = Params(reads="window", span=32)
    before = foretell(network, tokens, 128, params)
    reach = LAST + 2 * (32 - 1)  # places before the end that the last tokens depend on
    out_of_reach, within = tokens.clone(), tokens.clone()
    out_of_reach[:, : -reach - 1] = 0
    within[:, : -reach + 1] = 0
    torch.testing.assert_close(foretell(network, out_of_reach, 128, params), before)
    assert not torch.equal(foretell(network, within, 128, params), before)


@pytest.mark.parametrize(("reads", "span"), [("all at once", 64), ("window", 40), ("chunks", 40)])
def test_scores_are_those_that_the_mask_lets_through(reads: str, span: int) -> None:
    params = Params.model_validate({"reads": reads, "span": span})
    places = torch.arange(100)
    back = places[:, None] - places
    seen = back >= 0
    if reads == "window":
        seen = seen & (back < span)
    if reads == "chunks":
        seen = seen & (places[:, None] // span == places // span)
    assert scores(100, params) == int(seen.sum())


def test_only_places_past_the_trained_ones_are_as_they_began(models: Models) -> None:
    table = models.length("learned").network.get_parameter("decoder.positions.table.weight")
    assert len(table) == LIMIT
    trained, never = table[:64].std(), table[64:].std()
    assert float(never) < 0.021
    assert float(trained) > 2 * float(never)


def test_a_text_is_of_a_few_sentences_that_come_again(tokens: torch.Tensor) -> None:
    for row in tokens.tolist():
        assert len(set(row)) <= 10 * OWN


@pytest.mark.parametrize("longest", ["128", "512"])
def test_the_claims_hold_at_every_length(models: Models, longest: str) -> None:
    params = Params.model_validate({"longest": longest})
    assert all(check.holds for check in illustrate(params, models).checks)
