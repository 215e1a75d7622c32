"""The masked-lm lab guesses as Hugging Face's BERT does, and corrupts as its collator does."""

import math
from typing import cast

import pytest
import torch
from tokenizers import Tokenizer as Base
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import (
    BertConfig,
    BertModel,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
)

from app.labs.illustration import Illustration, UnfitInput
from app.labs.masked_lm import Params, illustrate
from app.labs.parts.gaps import CONTEXTS, Gap, corrupt, surprise, unseen_sentences
from model.checkpoint import Models
from model.pretrained import NAMES
from model.tasks.masked import MASK
from model.tokenizer import Tokenizer

SENTENCE, HIDDEN = "The old dog drinks the beer.", "drinks"


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def tokenizer_of(models: Models) -> Tokenizer:
    return cast(Tokenizer, models.mlm.tokenizer)


def bert(models: Models) -> BertModel:
    """Hugging Face's BERT with our weights under its names."""
    ours, config = models.mlm.network.state_dict(), models.mlm.network.config
    theirs = BertConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.channels,
        num_hidden_layers=config.encoder_layers,
        num_attention_heads=config.heads,
        intermediate_size=config.hidden,
        max_position_embeddings=config.limit,
        layer_norm_eps=config.norm_epsilon,
    )
    model = BertModel(theirs, add_pooling_layer=False).eval()
    weights = {
        "embeddings.word_embeddings.weight": ours["embedding.table.weight"],
        "embeddings.position_embeddings.weight": ours["encoder.positions.table.weight"],
        "embeddings.token_type_embeddings.weight": torch.zeros(2, config.channels),
    }
    for kind in ("weight", "bias"):
        weights[f"embeddings.LayerNorm.{kind}"] = ours[f"encoder.norm_embedding.{kind}"]
        for layer in range(config.encoder_layers):
            for name, their in NAMES.items():
                weights[f"encoder.layer.{layer}.{their}.{kind}"] = ours[
                    f"encoder.layers.{layer}.{name}.{kind}"
                ]
    model.load_state_dict(weights)
    return model


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_guess_is_berts(models: Models, context: str) -> None:
    gap = Gap.read(SENTENCE, HIDDEN, models)
    keep = {"both": range(7), "left": range(3), "right": range(4, 7)}[context]
    mask = gap.tokenizer.identity(MASK)
    given = [i if n in keep and n != 3 else mask for n, i in enumerate(gap.ids.tolist())]
    with torch.inference_mode():
        states = bert(models)(torch.tensor([given])).last_hidden_state[0, 3]
        output = models.mlm.network.output
        expected = (states @ output.weight.T + output.bias).softmax(dim=-1)
        torch.testing.assert_close(gap.guess(context), expected, atol=1e-5, rtol=1e-4)


def test_the_surprise_in_a_batch_is_that_of_each_gap_alone(models: Models) -> None:
    tokenizer = tokenizer_of(models)
    rows = unseen_sentences(tokenizer, 4)
    for context in CONTEXTS:
        found = surprise(models.mlm.network, tokenizer, rows, context).tolist()
        alone = []
        for row in rows:
            ids = row[row != tokenizer.pad]
            gaps = [Gap(models.mlm.network, tokenizer, ids, place) for place in range(len(ids))]
            alone += [-math.log2(float(gap.guess(context)[gap.truth])) for gap in gaps]
        assert found == pytest.approx(alone, abs=1e-3)


def test_the_corruption_is_the_collators(models: Models) -> None:
    tokenizer = tokenizer_of(models)
    words = {"<pad>": 0, "<mask>": 3} | {str(i): i for i in (1, 2, *range(4, len(tokenizer)))}
    theirs = DataCollatorForLanguageModeling(
        PreTrainedTokenizerFast(
            tokenizer_object=Base(WordLevel(words)), mask_token="<mask>", pad_token="<pad>"
        ),
        mlm_probability=0.15,
        seed=1,
    )
    tokens = torch.randint(4, len(tokenizer), (400, 100), generator=seeded())
    batch = theirs([{"input_ids": row} for row in tokens])
    given, labels = batch["input_ids"], batch["labels"]
    selected = labels != -100
    expected = shares(given, tokens, selected, tokenizer.identity(MASK))
    mine, masked, swapped, kept = corrupt(tokens, tokens > 0, 0.15, tokenizer, seeded())
    found = shares(mine, tokens, masked | swapped | kept, tokenizer.identity(MASK))
    for share, other in zip(found, expected, strict=True):
        assert share == pytest.approx(other, abs=0.02)
    assert torch.equal(mine[kept], tokens[kept])
    assert not (masked & swapped).any()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def shares(given: Tensor, tokens: Tensor, chosen: Tensor, mask: int) -> tuple[float, float, float]:
    """Of all tokens those chosen; of the chosen those masked, and those as they were."""
    return (
        float(chosen.float().mean()),
        float((given[chosen] == mask).float().mean()),
        float((given[chosen] == tokens[chosen]).float().mean()),
    )


def test_one_side_breaks_what_both_sides_show(models: Models) -> None:
    assert failed(run(models)) == []
    for side, other in (("left", "right"), ("right", "left")):
        claims = failed(run(models, context=side))
        assert len(claims) == 2
        assert f"on the {other} of the gap" in claims[0]


def test_a_word_left_in_its_place_is_read_and_not_guessed(models: Models) -> None:
    assert failed(run(models, instead="itself")) == ["The answer is not in the input."]
    assert failed(run(models, instead="other")) == []
    gap = Gap.read(SENTENCE, HIDDEN, models)
    assert gap.guess("both", gap.truth)[gap.truth] > 2 * gap.guess("both")[gap.truth]


@pytest.mark.parametrize(
    "sentence", ["The dogs eat.", "The dog is old " * 7, "Why do the cats sing?"]
)
def test_sentences_of_every_length_are_read(models: Models, sentence: str) -> None:
    assert run(models, sentence=sentence, hide=sentence.split()[1]).reading.endswith(".")


@pytest.mark.parametrize("seed", [1, 99])
@pytest.mark.parametrize("share", [10, 50])
def test_the_loss_comes_from_the_chosen_tokens(models: Models, seed: int, share: int) -> None:
    claims = failed(run(models, seed=seed, share=share))
    assert "The loss comes from the chosen tokens alone." not in claims


def test_the_prediction_is_borne_out_by_the_measurement(models: Models) -> None:
    assert run(models).outcome == 0  # what a dog drinks is said on the right
    assert run(models, hide="beer").outcome == 1
    assert run(models, sentence="It is old.", hide=".").outcome is None


@pytest.mark.parametrize(
    ("sentence", "hide"),
    [
        ("", "a"),
        ("...", "."),
        ("the dog " * 24, "dog"),
        (SENTENCE, "cat"),
        ("Ozymandias is old.", "ozymandias"),
    ],
)
def test_what_cannot_be_hidden_is_refused(models: Models, sentence: str, hide: str) -> None:
    with pytest.raises(UnfitInput, match=r"\.$"):
        Gap.read(sentence, hide, models)
