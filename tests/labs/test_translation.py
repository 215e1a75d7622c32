"""The two labs on the translator's heads: what they draw is what the model computed."""

from typing import Any, get_args

import pytest

from app.labs import LABS
from app.labs.illustration import Illustration, Lab, UnfitInput
from model.checkpoint import Models

ON_THE_TRANSLATOR = ("self-attention", "cross-attention")
LONG = "the red car " * 24


def run(lab: Lab, models: Models, **params: Any) -> Illustration:
    return lab.illustrate(lab.params.model_validate(params), models)


def test_the_decoder_under_its_mask_holds_every_claim(models: Models) -> None:
    checks = run(LABS["self-attention"], models, stack="decoder").checks
    assert all(check.holds for check in checks)
    assert "0.0e+00" in checks[-1].measured


@pytest.mark.parametrize("name", ON_THE_TRANSLATOR)
def test_a_picture_follows_its_input(models: Models, name: str) -> None:
    one = run(LABS[name], models, sentence="The red cars are not old.")
    other = run(LABS[name], models, sentence="The small dogs sleep.")
    again = run(LABS[name], models, sentence="The red cars are not old.")
    assert one.figures[0].to_json() != other.figures[0].to_json()
    assert one.figures[0].to_json() == again.figures[0].to_json()
    assert one.reading != other.reading


def test_cross_attention_has_a_row_for_each_token_written_and_a_column_for_each_read(
    models: Models,
) -> None:
    illustration = run(LABS["cross-attention"], models)
    translation = models.translator.translate("The red cars are not old.", target="fr")
    weights = illustration.figures[0].data[0].z
    assert len(weights) == len(translation.output_tokens)
    assert {len(row) for row in weights} == {len(translation.source_tokens)}
    assert illustration.table.columns[1:] == tuple(translation.source_tokens)
    assert len(translation.output_tokens) != len(translation.source_tokens)


def test_a_token_that_occurs_twice_keeps_both_its_columns(models: Models) -> None:
    illustration = run(LABS["cross-attention"], models, sentence="The dog sees the dog.")
    figure = illustration.figures[0]
    assert len(figure.layout.xaxis.tickvals) == len(figure.layout.xaxis.ticktext)
    assert len(set(figure.layout.xaxis.tickvals)) == len(figure.layout.xaxis.tickvals)
    assert len(set(figure.layout.xaxis.ticktext)) < len(figure.layout.xaxis.ticktext)


def test_a_word_never_seen_is_named(models: Models) -> None:
    for name in ON_THE_TRANSLATOR:
        [note] = run(LABS[name], models, sentence="The zeppelin is red.").notes
        assert "“zeppelin”" in note
        assert run(LABS[name], models).notes == ()


@pytest.mark.parametrize("name", ON_THE_TRANSLATOR)
@pytest.mark.parametrize("sentence", [LONG, "...", " "])
def test_a_sentence_that_cannot_be_read_is_refused_with_a_reason(
    models: Models, name: str, sentence: str
) -> None:
    with pytest.raises(UnfitInput, match=r"^The sentence has \d+ tokens.*\.$"):
        run(LABS[name], models, sentence=sentence)


def test_the_controls_offer_the_layers_and_heads_that_the_model_has(models: Models) -> None:
    config = models.translator.network.config
    for lab in (LABS[name] for name in ON_THE_TRANSLATOR):
        fields = lab.params.model_fields
        assert (
            config.encoder_layers
            == config.decoder_layers
            == len(get_args(fields["layer"].annotation))
        )
        assert config.heads == len(get_args(fields["head"].annotation)) - 1
