"""Networks of Hugging Face with random weights, and the same weights in ours."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from model.config import Config
from model.transformer import Transformer

Weights = dict[str, Tensor]
KINDS = ("weight", "bias")


def shake(network: nn.Module, seed: int) -> None:
    """Random weights, biases and scales: the usual zeros and ones would hide what is confused."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in network.parameters():
            noise = torch.randn(weights.shape, generator=generator)
            centre = 1.0 if weights.dim() == 1 and bool((weights == 1).all()) else 0.0
            weights.copy_(centre + noise * (0.4 if weights.dim() > 1 else 0.2))


def take(config: Config, weights: Weights) -> Transformer:
    """Our network with these weights, every one of which must find its place."""
    network = Transformer(config).eval()
    if config.tied:
        weights = {**weights, "output.weight": weights["embedding.table.weight"]}
    network.load_state_dict({name: tensor.clone() for name, tensor in weights.items()})
    return network


def rename(theirs: Weights, names: dict[str, str], kinds: tuple[str, ...] = KINDS) -> Weights:
    """`theirs` under our names, given ours: theirs, for weights and biases alike."""
    return {f"{a}.{kind}": theirs[f"{b}.{kind}"] for a, b in names.items() for kind in kinds}


def gpt2(seed: int, **settings: Any) -> tuple[Any, Transformer]:
    """A GPT-2: pre-norm, GELU, learned positions, tied."""
    shape = {"n_layer": 2, "n_embd": 32, "n_head": 4, "vocab_size": 40, "n_positions": 48}
    special = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = GPT2Config(**{**shape, **special, **settings}, attn_implementation="eager")
    theirs = GPT2LMHeadModel(config).eval()
    shake(theirs, seed)
    state = theirs.state_dict()
    weights = {
        "embedding.table.weight": state["transformer.wte.weight"],
        "decoder.positions.table.weight": state["transformer.wpe.weight"],
        **rename(state, {"decoder.norm": "transformer.ln_f"}),
    }
    for i in range(config.n_layer):
        their, our = f"transformer.h.{i}", f"decoder.layers.{i}"
        names = {"norms.self_attention": "ln_1", "norms.feed_forward": "ln_2"}
        weights |= rename(state, {f"{our}.{a}": f"{their}.{b}" for a, b in names.items()})
        weights |= dict(untangle(state, our, their))
    ours = Config(
        vocabulary=config.vocab_size,
        decoder_layers=config.n_layer,
        channels=config.n_embd,
        heads=config.n_head,
        hidden=4 * config.n_embd,
        activation="gelu_tanh",
        positions="learned",
        limit=config.n_positions,
    )
    return theirs, take(ours, weights)


def untangle(state: Weights, our: str, their: str) -> Iterator[tuple[str, Tensor]]:
    """GPT-2's linear maps are transposed, and queries, keys and values are one."""
    for kind in KINDS:
        together = state[f"{their}.attn.c_attn.{kind}"].t()
        for name, part in zip(("queries", "keys", "values"), together.chunk(3), strict=True):
            yield f"{our}.self_attention.{name}.{kind}", part
        for name, source in {
            "self_attention.output": "attn.c_proj",
            "feed_forward.widen": "mlp.c_fc",
            "feed_forward.narrow": "mlp.c_proj",
        }.items():
            yield f"{our}.{name}.{kind}", state[f"{their}.{source}.{kind}"].t()


def bart(seed: int, **settings: Any) -> tuple[Any, Transformer]:
    """A BART: encoder-decoder, post-norm, GELU, learned positions two places further on."""
    shape = {"vocab_size": 40, "d_model": 32, "max_position_embeddings": 48}
    shape |= {
        f"{side}_{what}": n
        for side in ("encoder", "decoder")
        for what, n in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))
    }
    special = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    special |= {"decoder_start_token_id": 0, "forced_eos_token_id": None}
    config = BartConfig(**{**shape, **special, **settings}, attn_implementation="eager")
    theirs = BartForConditionalGeneration(config).eval()
    shake(theirs, seed)
    state = theirs.state_dict()
    weights = {"embedding.table.weight": state["model.shared.weight"]}
    for side in ("encoder", "decoder"):
        places = state[f"model.{side}.embed_positions.weight"]
        weights[f"{side}.positions.table.weight"] = places[2:]
        names = {f"{side}.norm_embedding": f"model.{side}.layernorm_embedding"}
        for i in range(config.encoder_layers):
            names |= bart_layer(
                f"{side}.layers.{i}", f"model.{side}.layers.{i}", cross=side == "decoder"
            )
        weights |= rename(state, names)
    ours = Config(
        vocabulary=config.vocab_size,
        encoder_layers=config.encoder_layers,
        decoder_layers=config.decoder_layers,
        channels=config.d_model,
        heads=config.encoder_attention_heads,
        hidden=config.encoder_ffn_dim,
        norm_first=False,
        norm_embedding=True,
        positions="learned",
        limit=config.max_position_embeddings,
    )
    return theirs, take(ours, weights)


def bart_layer(our: str, their: str, *, cross: bool) -> dict[str, str]:
    """The names of one layer's parts, ours: BART's."""
    names = {
        "feed_forward.widen": "fc1",
        "feed_forward.narrow": "fc2",
        "norms.feed_forward": "final_layer_norm",
    }
    attentions = {"self_attention": "self_attn"}
    if cross:
        attentions["cross_attention"] = "encoder_attn"
    for a, b in attentions.items():
        names[f"norms.{a}"] = f"{b}_layer_norm"
        for ours, theirs in (("queries", "q"), ("keys", "k"), ("values", "v"), ("output", "out")):
            names[f"{a}.{ours}"] = f"{b}.{theirs}_proj"
    return {f"{our}.{a}": f"{their}.{b}" for a, b in names.items()}


def t5(seed: int) -> tuple[Any, Transformer]:
    """A T5: RMSNorm, no biases, relative positions, scores not scaled, output not tied."""
    config = T5Config(
        vocab_size=40,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        tie_word_embeddings=False,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=16,
        attn_implementation="eager",
    )
    config.scale_decoder_outputs = False
    theirs = T5ForConditionalGeneration(config).eval()
    shake(theirs, seed)
    state = theirs.state_dict()
    names = {"embedding.table": "shared", "output": "lm_head"}
    for side in ("encoder", "decoder"):
        bias = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias"
        names |= {f"{side}.positions.table": bias, f"{side}.norm": f"{side}.final_layer_norm"}
        kinds = ["SelfAttention", "EncDecAttention"] if side == "decoder" else ["SelfAttention"]
        for i in range(2):
            names |= t5_layer(f"{side}.layers.{i}", f"{side}.block.{i}.layer", kinds)
    ours = Config(
        vocabulary=40,
        encoder_layers=2,
        decoder_layers=2,
        channels=32,
        heads=4,
        hidden=64,
        activation="relu",
        norm="rms",
        norm_epsilon=1e-6,
        bias=False,
        positions="relative",
        buckets=8,
        far=16,
        scale=False,
        tied=False,
    )
    return theirs, take(ours, rename(state, names, ("weight",)))


def t5_layer(our: str, their: str, kinds: list[str]) -> dict[str, str]:
    """The names of one layer's parts, ours: T5's."""
    last = len(kinds)
    names = {
        f"{our}.feed_forward.widen": f"{their}.{last}.DenseReluDense.wi",
        f"{our}.feed_forward.narrow": f"{their}.{last}.DenseReluDense.wo",
        f"{our}.norms.feed_forward": f"{their}.{last}.layer_norm",
    }
    for place, (a, b) in enumerate(zip(("self_attention", "cross_attention"), kinds, strict=False)):
        names[f"{our}.norms.{a}"] = f"{their}.{place}.layer_norm"
        for ours, theirs in zip(("queries", "keys", "values", "output"), "qkvo", strict=True):
            names[f"{our}.{a}.{ours}"] = f"{their}.{place}.{b}.{theirs}"
    return names


def llama(seed: int) -> tuple[Any, Transformer]:
    """A Llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU."""
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        attn_implementation="eager",
    )
    theirs = LlamaForCausalLM(config).eval()
    shake(theirs, seed)
    parts = {
        "norms.self_attention": "input_layernorm",
        "self_attention.queries": "self_attn.q_proj",
        "self_attention.keys": "self_attn.k_proj",
        "self_attention.values": "self_attn.v_proj",
        "self_attention.output": "self_attn.o_proj",
        "feed_forward.gate": "mlp.gate_proj",
        "norms.feed_forward": "post_attention_layernorm",
        "feed_forward.widen": "mlp.up_proj",
        "feed_forward.narrow": "mlp.down_proj",
    }
    names = {
        "embedding.table": "model.embed_tokens",
        "output": "lm_head",
        "decoder.norm": "model.norm",
    }
    for i in range(2):
        names |= {f"decoder.layers.{i}.{a}": f"model.layers.{i}.{b}" for a, b in parts.items()}
    ours = Config(
        vocabulary=40,
        decoder_layers=2,
        channels=32,
        heads=4,
        key_heads=2,
        hidden=48,
        activation="swiglu",
        norm="rms",
        norm_epsilon=config.rms_norm_eps,
        bias=False,
        positions="rope",
        tied=False,
    )
    return theirs, take(ours, rename(theirs.state_dict(), names, ("weight",)))


def bloom(seed: int) -> tuple[Any, Transformer]:
    """A BLOOM: ALiBi; its queries, keys and values lie interleaved by head."""
    config = BloomConfig(
        vocab_size=40,
        hidden_size=32,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        attn_implementation="eager",
    )
    theirs = BloomForCausalLM(config).eval()
    shake(theirs, seed)
    state = theirs.state_dict()
    weights = rename(
        state,
        {
            "decoder.norm": "transformer.ln_f",
            "decoder.norm_embedding": "transformer.word_embeddings_layernorm",
        },
    )
    weights["embedding.table.weight"] = state["transformer.word_embeddings.weight"]
    parts = {
        "norms.self_attention": "input_layernorm",
        "norms.feed_forward": "post_attention_layernorm",
        "self_attention.output": "self_attention.dense",
        "feed_forward.widen": "mlp.dense_h_to_4h",
        "feed_forward.narrow": "mlp.dense_4h_to_h",
    }
    for i in range(2):
        their, our = f"transformer.h.{i}", f"decoder.layers.{i}"
        weights |= rename(state, {f"{our}.{a}": f"{their}.{b}" for a, b in parts.items()})
        for kind in KINDS:
            together = state[f"{their}.self_attention.query_key_value.{kind}"]
            by_head = together.unflatten(0, (4, 3, 8))  # heads, which, D
            for which, name in enumerate(("queries", "keys", "values")):
                weights[f"{our}.self_attention.{name}.{kind}"] = by_head[:, which].flatten(0, 1)
    ours = Config(
        vocabulary=40,
        decoder_layers=2,
        channels=32,
        heads=4,
        hidden=128,
        activation="gelu_tanh",
        positions="alibi",
        norm_embedding=True,
    )
    return theirs, take(ours, weights)
