"""The readers of bert-vs-gpt against Hugging Face's BERT and Llama with the same weights."""

import pytest
import torch
from torch import Tensor

from app.labs.bert_vs_gpt import BERT, GPT, Params, illustrate
from app.labs.illustration import Illustration, UnfitInput
from app.labs.parts.readers import Reader, moved
from model.checkpoint import Models
from model.tasks.masked import MASK
from tests.labs.test_masked_lm import bert
from tests.labs.test_next_token import llama

WORDS = ["the", "teacher", "reads", "many", "new", "keys", "."]
IN_PIECES = ["the", "zebra", "drinks", "every", "beer", "."]


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def readers(models: Models, words: list[str]) -> tuple[Reader, Reader]:
    return (
        Reader.of(models.mlm, words, causal=False),
        Reader.of(models.lm, words, causal=True),
    )


@torch.inference_mode()
def berts(models: Models, reader: Reader) -> Tensor:
    """What Hugging Face's BERT expects in each word's place, that word masked: (N, V)."""
    model, output = bert(models), models.mlm.network.output
    expected, start = [], 0
    for word in reader.words:
        given = reader.ids.clone()
        given[start : start + len(word)] = reader.tokenizer.identity(MASK)
        state = model(given[None]).last_hidden_state[0, start]
        expected.append((state @ output.weight.T + output.bias).softmax(dim=-1))
        start += len(word)
    return torch.stack(expected)


@torch.inference_mode()
def llamas(models: Models, reader: Reader) -> Tensor:
    """What Hugging Face's Llama expects after all words before each; nothing before the first."""
    model = llama(models)
    expected = [torch.zeros(len(reader.tokenizer))]
    for count in range(1, len(reader.words)):
        ids = [token for word in reader.words[:count] for token in word]
        expected.append(model(torch.tensor([ids])).logits[0, -1].softmax(dim=-1))
    return torch.stack(expected)


@pytest.mark.parametrize("words", [WORDS, IN_PIECES])
@torch.inference_mode()
def test_both_foretell_what_the_reference_does(models: Models, words: list[str]) -> None:
    for reader, reference in zip(readers(models, words), (berts, llamas), strict=True):
        found = reader.foretell(reader.ids[None])[0]
        torch.testing.assert_close(found, reference(models, reader), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_the_reach_is_that_of_one_changed_word_after_another(models: Models) -> None:
    for reader, reference in zip(readers(models, IN_PIECES), (berts, llamas), strict=True):
        own, special = reference(models, reader), len(reader.tokenizer.special)
        for place in range(len(reader.words)):
            words = list(reader.words)
            words[place] = tuple(
                token + 1 if token + 1 < len(reader.tokenizer) else special
                for token in words[place]
            )
            other = Reader(reader.network, reader.tokenizer, tuple(words), reader.causal)
            expected = moved(own, reference(models, other))
            torch.testing.assert_close(reader.reach()[:, place], expected, atol=1e-4, rtol=1e-3)


@torch.inference_mode()
def test_the_two_orders_are_two_products_of_conditional_probabilities(models: Models) -> None:
    reader = readers(models, WORDS)[0]
    model, output = bert(models), models.mlm.network.output
    mask, count = reader.tokenizer.identity(MASK), len(reader.ids)
    for order, found in zip(
        (range(count), range(count - 1, -1, -1)), reader.bits_in_order(), strict=True
    ):
        given, bits = torch.full((count,), mask), 0.0
        for place in order:
            state = model(given[None]).last_hidden_state[0, place]
            chances = (state @ output.weight.T + output.bias).softmax(dim=-1)
            bits -= float(chances[reader.ids[place]].log2())
            given[place] = reader.ids[place]
        assert found == pytest.approx(bits, abs=1e-3)


def test_a_causal_encoder_reads_as_if_the_sentence_ended_there(models: Models) -> None:
    reader = Reader.of(models.mlm, WORDS, causal=True)
    whole = reader.states(reader.ids[None])
    for end in range(1, len(WORDS) + 1):
        part = reader.states(reader.ids[None, :end])
        torch.testing.assert_close(whole[:, :end], part, atol=1e-5, rtol=1e-4)


def test_a_word_moves_predictions_before_it_in_the_encoder_alone(models: Models) -> None:
    rows = run(models).table.rows
    moves = {BERT: [row[3] for row in rows], GPT: [row[6] for row in rows]}
    place = WORDS.index("keys")
    assert max(moves[BERT][:place]) > 0.5
    assert moves[BERT][place] == 0  # it is masked
    assert set(moves[GPT][: place + 1]) == {0}
    assert moves[GPT][place + 1] > 0.5
    bars = [list(trace.y) for trace in run(models).figures[0].data]
    assert bars == list(moves.values())


@pytest.mark.parametrize(
    ("encoder_mask", "decoder_mask", "outcome"),
    [("none", "causal", 0), ("none", "none", 1), ("causal", "causal", 2), ("causal", "none", 3)],
)
def test_the_prediction_follows_the_masks(
    models: Models, encoder_mask: str, decoder_mask: str, outcome: int
) -> None:
    found = run(models, encoder_mask=encoder_mask, decoder_mask=decoder_mask)
    assert found.outcome == outcome


def test_patterns_are_those_of_the_masks(models: Models) -> None:
    for params, ahead in (({}, (True, False)), ({"encoder_mask": "causal"}, (False, False))):
        maps = [torch.tensor(trace.z) for trace in run(models, **params).figures[2].data]
        assert [bool(found.triu(1).any()) for found in maps] == list(ahead)
        for found in maps:
            torch.testing.assert_close(found.sum(dim=1), torch.ones(len(found)), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "params",
    [
        {"sentence": "Yes."},
        {"sentence": "the key " * 9},
        {"changed": "dog"},
        {"into": "two words"},
        {"into": " "},
        {"into": "é" * 30},
        {"sentence": "Ozymandiasozymandias xylophonically zigzagged."},
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(
    models: Models, params: dict[str, str]
) -> None:
    with pytest.raises(UnfitInput, match=r"\.$"):
        run(models, **params)
