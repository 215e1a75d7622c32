"""The positional lab's numbers are those of Hugging Face, scikit-learn and the papers."""

import math
from itertools import product

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from transformers import LlamaConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.t5.modeling_t5 import T5Attention

from app.labs.illustration import Illustration, UnfitInput
from app.labs.parts.scheme_checks import DRIFT, ROUNDING, offset_alone
from app.labs.parts.schemes import (
    NAMES,
    affinity,
    channels_of,
    plane,
    principal,
    table,
    turn,
    vectors,
)
from app.labs.positional_encoding import VIEWS, Params, changes, illustrate
from model.checkpoint import Models

PLACES = torch.arange(48)
IDS = torch.tensor([1996, 3899, 15424, 1996, 2158, 1012])  # "the dog bites the man ." to MiniLM


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def rotate(vectors: Tensor) -> Tensor:
    """(N, 64) turned at places 0, 1, ... by Llama's rotary embedding."""
    config = LlamaConfig(hidden_size=64, num_attention_heads=1, max_position_embeddings=512)
    places = torch.arange(len(vectors))[None]
    cosines, sines = LlamaRotaryEmbedding(config)(vectors[None, None], places)
    turned, _ = apply_rotary_pos_emb(vectors[None, None], vectors[None, None], cosines, sines)
    return turned[0, 0]


def test_rope_is_llamas(models: Models) -> None:
    ones = torch.ones(len(PLACES), 64)
    first = (torch.arange(64) < 32).float().expand(len(PLACES), 64)
    torch.testing.assert_close(vectors("rope", PLACES, models), rotate(first), atol=1e-5, rtol=0)
    scores = rotate(ones) @ rotate(ones).T / 64
    torch.testing.assert_close(affinity("rope", PLACES, 1, models), scores, atol=1e-5, rtol=0)


def test_llamas_scores_depend_on_the_offset_alone_by_the_labs_own_check() -> None:
    query, key = torch.randn(2, 64, generator=torch.Generator().manual_seed(0)) / 8
    scores = rotate(query.expand(48, 64)) @ rotate(key.expand(48, 64)).T
    assert offset_alone("rope", scores).holds
    assert not offset_alone("rope", scores + torch.arange(48) * DRIFT).holds


@pytest.mark.parametrize("head", [1, 5, 32])
def test_alibi_has_blooms_slopes(models: Models, head: int) -> None:
    bloom = build_alibi_tensor(torch.ones(1, 48), 32, torch.float32)[head - 1, 0]  # (N,)
    last = affinity("alibi", PLACES, head, models)[-1]  # to the last query all keys come before
    torch.testing.assert_close(last, bloom - bloom[-1])


def test_buckets_are_t5s(models: Models) -> None:
    expected = T5Attention._relative_position_bucket(PLACES[None, :] - PLACES[:, None])
    assert torch.equal(affinity("relative", PLACES, 1, models), expected.float())


def test_sinusoids_are_the_papers(models: Models) -> None:
    found = vectors("sinusoidal", PLACES, models)
    for place, pair in product((0, 7, 47), (1, 9, 32)):
        angle = place / 10_000 ** (2 * (pair - 1) / 64)
        wanted = [math.sin(angle), math.cos(angle)]
        channels = list(channels_of("sinusoidal", pair))
        assert found[place, channels].tolist() == pytest.approx(wanted, abs=1e-5)


def test_the_learned_directions_are_principal_components(models: Models) -> None:
    rows = table(models)
    expected = torch.tensor(PCA(64, svd_solver="full").fit_transform(rows.numpy()))
    found = principal(rows)
    for direction in range(12):  # up to sign; those after are nearly as weak as each other
        sign = (found[:, direction] * expected[:, direction]).sum().sign()
        torch.testing.assert_close(
            found[:, direction] * sign, expected[:, direction], atol=1e-4, rtol=0
        )


@pytest.mark.parametrize("pair", [1, 5, 32])
def test_one_turn_explains_a_rotary_pair_and_a_sinusoidal_one(models: Models, pair: int) -> None:
    angle = 7 * 10_000 ** (-(pair - 1) / 32)
    wrapped = math.remainder(angle, 2 * math.pi)
    for scheme, sense in (("rope", 1), ("sinusoidal", -1)):  # sine before cosine: clockwise
        points, _ = plane(scheme, PLACES, pair, models)
        found, left = turn(points, 7)
        assert found == pytest.approx(sense * wrapped, abs=1e-5)
        assert left < DRIFT


def test_a_shuffle_is_noticed_by_every_scheme_but_none(models: Models) -> None:
    moved = changes(IDS, torch.tensor([2, 5, 3, 0, 1, 4]), models, causal=False)
    assert list(moved) == list(NAMES)
    assert float(moved.pop("none").max()) < ROUNDING
    assert all(float(change.max()) > 0.01 for change in moved.values())


def test_alibi_reads_backwards_as_it_reads_forwards(models: Models) -> None:
    moved = changes(IDS, torch.arange(5, -1, -1), models, causal=False)
    blind = {scheme for scheme, change in moved.items() if float(change.max()) < ROUNDING}
    assert blind == {"none", "alibi"}


def test_a_causal_mask_tells_the_order_without_positions(models: Models) -> None:
    moved = changes(IDS, torch.tensor([2, 5, 3, 0, 1, 4]), models, causal=True)
    assert float(moved["none"].max()) > 0.01


def test_nothing_moves_where_nothing_is_reordered(models: Models) -> None:
    moved = changes(IDS, torch.arange(6), models, causal=False)
    assert max(float(change.max()) for change in moved.values()) < ROUNDING


@pytest.mark.parametrize(("view", "scheme"), list(product(VIEWS, NAMES)))
def test_every_view_of_every_scheme_is_drawn_at_the_bounds(
    models: Models, view: str, scheme: str
) -> None:
    for positions, pair, offset in ((8, 1, 1), (8, 32, 64), (256, 32, 64)):
        illustration = run(
            models, view=view, scheme=scheme, positions=positions, pair=pair, offset=offset
        )
        assert 1 <= len(illustration.figures) <= 2
        assert illustration.reading.endswith(".")
        assert illustration.checks
        table = illustration.table
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_picture_follows_the_sentence_and_holds_the_tables_numbers(models: Models) -> None:
    one, other = run(models), run(models, sentence="The red cars are not old.")
    assert one.reading != other.reading
    for illustration in (one, other):
        [heat] = illustration.figures[0].data
        assert [tuple(row) for row in heat.z] == [row[1:] for row in illustration.table.rows]


@pytest.mark.parametrize("sentence", ["", " ", "...", "red", "the red car " * 24])
def test_a_sentence_that_cannot_be_reordered_is_refused(models: Models, sentence: str) -> None:
    with pytest.raises(UnfitInput, match=r"^The sentence has \d+ tokens.*\.$"):
        run(models, sentence=sentence)


@pytest.mark.parametrize("sentence", ["a b a", "no no yes", "red red red red car"])
def test_a_shuffle_is_neither_the_sentence_nor_its_reverse(models: Models, sentence: str) -> None:
    assert all(check.holds for check in run(models, sentence=sentence, scheme="alibi").checks)


@pytest.mark.parametrize(
    ("params", "outcome"),
    [
        ({"scheme": "none"}, 0),
        ({"scheme": "rope"}, 2),
        ({"scheme": "alibi", "order": "reversed"}, 0),
        ({"scheme": "none", "mask": "causal"}, 2),
        ({"view": "matrix"}, None),
    ],
)
def test_the_prediction_is_borne_out_by_what_moved(
    models: Models, params: dict[str, str], outcome: int | None
) -> None:
    assert illustrate(Params.model_validate(params), models).outcome == outcome
