"""The next-token lab's logits are those of Hugging Face's Llama, its narrowing that of its logits
warpers, its work what PyTorch counts."""

from typing import cast

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from app.labs.illustration import Illustration, UnfitInput
from app.labs.next_token import STEPS, Params, illustrate, multiply_adds, write
from model.checkpoint import Models
from model.tokenizer import Tokenizer
from model.trace import Trace

NAMES = {
    "self_attention.queries": "self_attn.q_proj",
    "self_attention.keys": "self_attn.k_proj",
    "self_attention.values": "self_attn.v_proj",
    "self_attention.output": "self_attn.o_proj",
    "norms.self_attention": "input_layernorm",
    "norms.feed_forward": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.widen": "mlp.up_proj",
    "feed_forward.narrow": "mlp.down_proj",
}
PROMPT = "The mask hides every later"


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


def failed(illustration: Illustration) -> list[str]:
    return [check.claim for check in illustration.checks if not check.holds]


def encode(models: Models, text: str) -> list[int]:
    return cast(Tokenizer, models.lm.tokenizer).encode(text)


def llama(models: Models) -> LlamaForCausalLM:
    """Hugging Face's Llama with our weights under its names."""
    ours, config = models.lm.network.state_dict(), models.lm.network.config
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.channels,
            intermediate_size=config.hidden,
            num_hidden_layers=config.decoder_layers,
            num_attention_heads=config.heads,
            rms_norm_eps=config.norm_epsilon,
            max_position_embeddings=config.limit,
            tie_word_embeddings=False,
        )
    ).eval()
    weights = {
        "model.embed_tokens.weight": ours["embedding.table.weight"],
        "lm_head.weight": ours["embedding.table.weight"],
        "model.norm.weight": ours["decoder.norm.weight"],
    }
    for layer in range(config.decoder_layers):
        for name, their in NAMES.items():
            weights[f"model.layers.{layer}.{their}.weight"] = ours[
                f"decoder.layers.{layer}.{name}.weight"
            ]
    model.load_state_dict(weights)
    return model


def warped(logits: Tensor, params: Params) -> Tensor:
    """What Hugging Face's warpers leave of logits (V,)."""
    ids, scores = torch.zeros(1, 1, dtype=torch.long), logits[None]
    scores = TemperatureLogitsWarper(params.temperature)(ids, scores)
    if params.top_k:
        scores = TopKLogitsWarper(params.top_k)(ids, scores)
    if params.top_p < 1:
        scores = TopPLogitsWarper(params.top_p)(ids, scores)
    return scores[0].softmax(dim=-1)


@torch.inference_mode()
@pytest.mark.parametrize("temperature", [0.1, 0.8, 3.0])
@pytest.mark.parametrize(("top_k", "top_p"), [(0, 1.0), (0, 0.01), (0, 0.9), (7, 1.0), (40, 0.7)])
def test_every_step_is_llamas_narrowed_by_its_warpers(
    models: Models, temperature: float, top_k: int, top_p: float
) -> None:
    params = Params(temperature=temperature, top_k=top_k, top_p=top_p)
    prompt = encode(models, PROMPT)
    steps = write(models.lm.network, prompt, params)
    ids = [*prompt, *(step.token for step in steps)]
    logits = llama(models)(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1]  # (STEPS, V)
    assert len(logits) == STEPS
    for step, theirs in zip(steps, logits, strict=True):
        torch.testing.assert_close(step.own, theirs.softmax(dim=-1), atol=1e-5, rtol=1e-3)
        left = warped(step.own.log(), params)
        torch.testing.assert_close(step.left, left, atol=1e-5, rtol=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("length", [1, 30, 100])
def test_the_work_is_what_pytorch_counts(models: Models, length: int) -> None:
    network, trace = models.lm.network, Trace()
    with FlopCounterMode(display=False) as counter:
        network.decode(torch.arange(3, 3 + length)[None], trace=trace)
    assert 2 * multiply_adds(network, trace) == counter.get_total_flops()


def test_the_cache_saves_the_work_of_all_earlier_tokens(models: Models) -> None:
    work = [step.work for step in write(models.lm.network, [5, 6, 7], Params())]
    assert work[0][0] == work[0][1]
    assert all(without > with_it for without, with_it in work[1:])
    assert work[-1][1] < 1.1 * work[1][1]


def test_without_the_mask_the_cache_and_the_chain_rule_break(models: Models) -> None:
    masked, bare = run(models), run(models, mask="none")
    assert masked.outcome == 0
    assert failed(masked) == []
    assert bare.outcome == 2
    assert [claim[:10] for claim in failed(bare)[:2]] == ["Read with ", "The steps'"]


@pytest.mark.parametrize("temperature", [0, 3])
@pytest.mark.parametrize(("top_k", "top_p"), [(1, 0.01), (2000, 1)])
def test_the_exact_claims_hold_at_the_bounds(
    models: Models, temperature: float, top_k: int, top_p: float
) -> None:
    illustration = run(models, temperature=temperature, top_k=top_k, top_p=top_p)
    assert all(check.holds for check in illustration.checks[:2])


def test_temperature_zero_is_greedy_whatever_the_draw(models: Models) -> None:
    one, other = run(models, temperature=0), run(models, temperature=0, seed=999)
    assert one.table == other.table
    assert {row[3] for row in one.table.rows} == {1}  # always of rank 1


def test_a_step_shows_its_own_token_and_another_draw_another_text(models: Models) -> None:
    first, fifth = run(models, step=1), run(models, step=5)
    assert first.table == fifth.table
    assert f"“{fifth.table.rows[4][1]}”" in fifth.reading
    assert run(models, seed=2).table != first.table


@pytest.mark.parametrize("prompt", ["é☃ 你好", "<bos>", "a", "tick tock " * 8])
def test_every_text_is_continued_and_put_together_again(models: Models, prompt: str) -> None:
    data = run(models, prompt=prompt, step=0).data
    assert data is not None
    assert (data["before"] + data["token"] + data["after"]).startswith(prompt[:3])


def test_a_text_that_is_too_long_is_refused(models: Models) -> None:
    with pytest.raises(UnfitInput, match=r"^The text has \d+ tokens.*please\.$"):
        run(models, prompt="☃" * 66)
