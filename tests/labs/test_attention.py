"""The attention explorer: every number it sends is the model's, for each model and any length."""

import base64
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from app.labs import LABS
from app.labs.attention import LISTED, MOST
from app.labs.illustration import Illustration, UnfitInput
from app.labs.parts.looks import READERS, Look
from app.labs.parts.panels import panel
from model.checkpoint import Models

SENTENCE = "The red cars are not old."


def run(models: Models, **params: Any) -> Illustration:
    lab = LABS["attention"]
    return lab.illustrate(lab.params.model_validate(params), models)


def weights(panel: dict[str, Any]) -> torch.Tensor:
    """The opened map as the browser unpacks it, (T, S)."""
    numbers = np.frombuffer(base64.b64decode(panel["weights"]), dtype="<u2") / 65535
    return torch.tensor(numbers).view(len(panel["asking"]), len(panel["asked"]))


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_sends_rows_that_sum_to_one_and_a_small_map_for_each_head(
    models: Models, reader: str
) -> None:
    data = run(models, reader=reader, sentence=SENTENCE, layer=2, head=2).data
    assert data is not None
    [sent] = data["panels"]
    torch.testing.assert_close(
        weights(sent).sum(dim=-1),
        torch.ones(len(sent["asking"]), dtype=torch.double),
        atol=1e-3,
        rtol=0,
    )
    small = base64.b64decode(sent["small"])
    cells = sent["small_rows"] * sent["small_columns"]
    assert len(small) == data["layers"] * data["heads"] * cells


def test_the_numbers_sent_are_minilms_own(models: Models) -> None:
    data = run(models, sentence=SENTENCE, layer=4, head=7).data
    assert data is not None
    _, trace = models.minilm.look(SENTENCE)
    pattern = trace["encoder.3.self_attention.pattern"][0, 6].double()
    torch.testing.assert_close(weights(data["panels"][0]), pattern, atol=1e-5, rtol=0)


def test_the_mean_is_the_mean_of_the_heads(models: Models) -> None:
    heads = []
    for head in range(13):
        data = run(models, sentence=SENTENCE, layer=3, head=head).data
        assert data is not None
        heads.append(weights(data["panels"][0]))
    torch.testing.assert_close(heads[0], torch.stack(heads[1:]).mean(dim=0), atol=2e-5, rtol=0)


def test_a_map_of_14_by_20_keeps_its_sides_apart() -> None:
    asking, asked = [f"w{i}" for i in range(14)], [f"r{i}" for i in range(20)]
    pattern = torch.rand(2, 3, 14, 20).softmax(dim=-1)  # (L, H, T, S)
    one = Look("cross-attention", asking, asked, {}, torch.zeros(1), "")
    sent = panel(one, pattern, pattern[1, 2])
    assert (sent["asking"], sent["asked"]) == (asking, asked)
    torch.testing.assert_close(weights(sent).float(), pattern[1, 2], atol=1e-5, rtol=0)
    assert (sent["small_rows"], sent["small_columns"]) == (14, 20)


def test_a_rectangular_map_names_what_is_written_in_rows_and_what_is_read_in_columns(
    models: Models,
) -> None:
    sentence = "The small red car and the old white house are not in the big green garden."
    data = run(models, reader="cross-attention", sentence=sentence).data
    assert data is not None
    [sent] = data["panels"]
    translation = models.translator.translate(sentence, target="fr")
    assert sent["asking"] == translation.output_tokens
    assert sent["asked"] == translation.source_tokens
    assert len(sent["asking"]) >= 14
    assert weights(sent).shape == (len(sent["asking"]), len(sent["asked"]))


def test_the_attentions_of_one_translation_lead_to_each_other_at_the_tokens_held(
    models: Models,
) -> None:
    data = run(models, reader="cross-attention", sentence=SENTENCE, query=3, key=4).data
    assert data is not None
    translation = models.translator.translate(SENTENCE, target="fr")
    others = {other["params"]["reader"]: other["params"] for other in data["same_run"]}
    for reader, place, token in (
        ("translator-decoder", 3, translation.target_tokens[2]),
        ("translator-encoder", 4, translation.source_tokens[3]),
    ):
        assert (others[reader]["query"], others[reader]["key"]) == (place, place)
        there = run(models, **others[reader]).data
        assert there is not None
        assert there["cell"]["asking"] == token
    assert run(models, sentence=SENTENCE).data["same_run"] == []  # type: ignore[index]


def test_a_cell_adds_up_from_its_parts_to_its_weight(models: Models) -> None:
    data = run(models, sentence=SENTENCE, layer=2, head=3, query=4, key=6).data
    assert data is not None
    cell = data["cell"]
    products = torch.tensor(cell["query"]) * torch.tensor(cell["key"])
    torch.testing.assert_close(products, torch.tensor(cell["products"]))
    assert cell["dot"] == pytest.approx(float(products.sum()), abs=1e-4)
    assert cell["score"] == pytest.approx(cell["dot"] / cell["width"] ** 0.5, abs=1e-4)
    assert cell["weight"] == pytest.approx(cell["exponential"] / cell["sum"], abs=1e-6)
    assert cell["weight"] == pytest.approx(float(weights(data["panels"][0])[3, 5]), abs=1e-5)
    adds = cell["weight"] * torch.tensor(cell["value"])
    torch.testing.assert_close(adds, torch.tensor(cell["adds"]))


def test_a_hidden_cell_says_so_and_weighs_nothing(models: Models) -> None:
    params = {"reader": "translator-decoder", "sentence": SENTENCE, "query": 2, "key": 4}
    data = run(models, **params).data
    assert data is not None
    assert data["cell"]["hidden"]
    assert data["cell"]["weight"] == 0
    unmasked = run(models, **params, mask="off").data
    assert unmasked is not None
    assert not unmasked["cell"]["hidden"]


def test_what_the_switches_change_is_measured_on_the_output(models: Models) -> None:
    assert "With these switches" not in run(models, sentence=SENTENCE).reading
    moved = run(models, sentence=SENTENCE, positions="off").reading
    said = float(moved.rsplit("cosine of ", 1)[1].split()[0])
    encoder = models.minilm
    plain = encoder.embed([SENTENCE])[0]
    assert said < 0.999
    assert float(F.cosine_similarity(plain, plain, dim=0)) == pytest.approx(1)
    for reader in ("translator-encoder", "lm"):
        text = run(models, reader=reader, sentence=SENTENCE, scale="off").reading
        assert "of a distribution has moved" in text


def test_a_head_switched_off_is_drawn_and_changes_the_output(models: Models) -> None:
    plain = run(models, sentence=SENTENCE, altered="off", layer=6, head=1)
    assert "cosine of" in plain.reading
    uniform = run(models, sentence=SENTENCE, altered="uniform", layer=6, head=1).data
    assert uniform is not None
    drawn = weights(uniform["panels"][0])
    torch.testing.assert_close(drawn, torch.full_like(drawn, 1 / len(drawn)), atol=1e-4, rtol=0)


def test_two_sentences_stand_side_by_side(models: Models) -> None:
    data = run(models, sentence=SENTENCE, second="Dogs sleep.").data
    assert data is not None
    first, second = data["panels"]
    assert first["asked"] != second["asked"]


def test_a_long_text_stays_small_and_is_cut_where_the_model_cuts_it(models: Models) -> None:
    illustration = run(models, sentence="word " * 400)
    data = illustration.data
    assert data is not None
    [sent] = data["panels"]
    assert len(sent["asked"]) == MOST
    assert len(sent["weights"]) + len(sent["small"]) < 300_000
    assert any("cut after 256" in note for note in illustration.notes)
    assert len(illustration.table.columns) == 6
    assert len(run(models, sentence="word " * (LISTED - 5)).table.columns) > 6


def test_a_layer_or_head_that_a_model_lacks_is_the_nearest_and_said(models: Models) -> None:
    illustration = run(models, reader="translator-encoder", layer=6, head=12)
    assert illustration.data is not None
    assert (illustration.data["layer"], illustration.data["head"]) == (2, 4)
    assert any("2 layers of 4 heads" in note for note in illustration.notes)


@pytest.mark.parametrize("reader", READERS)
def test_nothing_to_read_is_refused(models: Models, reader: str) -> None:
    with pytest.raises(UnfitInput, match="nothing to read"):
        run(models, reader=reader, sentence="  ")


def test_more_than_the_model_reads_is_refused_with_both_numbers(models: Models) -> None:
    with pytest.raises(UnfitInput, match=r"\d+ tokens; the language model reads up to 128"):
        run(models, reader="lm", sentence="attention " * 200)
    with pytest.raises(UnfitInput, match=r"tokens"):
        run(models, reader="cross-attention", sentence="the red car " * 30)
