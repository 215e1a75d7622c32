"""The models against others with the same weights, on the same machine, in the same run: a forward
pass with its patterns, and beam search. `make bench`.

TransformerLens is compared with where it is installed (transformer-lens 4 or later); the project
needs it for nothing else.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import Tensor

from model.beam import beam_search
from model.transformer import Transformer
from tests.model.references import bart, gpt2

THREADS = 1
REPEATS = 30
SIZES = {  # layers, channels, heads, vocabulary, tokens
    "2 layers of 128, 16 tokens": (2, 128, 4, 6000, 16),
    "6 layers of 384, 64 tokens": (6, 384, 12, 6000, 64),
}
Ways = dict[str, Callable[[], Any]]


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(THREADS)
    print(f"torch {torch.__version__}, {THREADS} thread, median of {REPEATS}, in milliseconds\n")
    print(f"{'forward pass with':58}{'ms':>8}{'of ours':>9}")
    for size, shape in SIZES.items():
        compare(f"decoder, {size}", forward_decoder(*shape))
        compare(f"encoder-decoder, {size}", forward_both(*shape))
    print(f"\n{'beam search, encoder-decoder':58}{'ms':>8}{'of ours':>9}")
    for width in (1, 4, 8):
        compare(f"width {width}, 30 tokens", search(width))


def compare(title: str, ways: Ways) -> None:
    """One block of rows: what each way takes, and that over what the first takes."""
    print(title)
    with torch.inference_mode():
        times = measure(ways)
    ours = next(iter(times.values()))
    for name, milliseconds in times.items():
        print(f"  {name:56}{milliseconds:8.2f}{milliseconds / ours:8.2f}x")


def measure(ways: Ways) -> dict[str, float]:
    """The median milliseconds of every way, all taken in turn so that a busy moment hits all."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(REPEATS + 3):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            if repeat >= 3:  # the first ones warm up
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def forward_decoder(layers: int, channels: int, heads: int, vocabulary: int, length: int) -> Ways:
    """A GPT-2 and the same weights in ours."""
    shape = {"n_layer": layers, "n_embd": channels, "n_head": heads, "vocab_size": vocabulary}
    theirs, ours = gpt2(0, **shape, n_positions=256)
    tokens = draw(vocabulary, length)
    ways: Ways = {
        "ours, whole trace": lambda: ours(tokens, trace={}),
        "ours, no trace": lambda: ours(tokens),
        "Hugging Face eager, patterns": lambda: theirs(tokens, output_attentions=True),
        "Hugging Face eager, patterns and states": lambda: theirs(
            tokens, output_attentions=True, output_hidden_states=True
        ),
    }
    bridge = boot_lens(gpt2(0, **shape, n_positions=256)[0])  # it wraps what it is given
    if bridge is not None:
        ways["TransformerLens, patterns"] = lambda: bridge.run_with_cache(
            tokens, names_filter=lambda name: name.endswith("hook_pattern")
        )
        ways["TransformerLens, everything"] = lambda: bridge.run_with_cache(tokens)
    check(ours(tokens), theirs(tokens).logits)
    return ways


def boot_lens(theirs: Any) -> Any:
    """TransformerLens over the same network, or None where it is not installed."""
    if find_spec("transformer_lens") is None:
        print("  (transformer-lens is not installed: left out)")
        return None
    from tokenizers import Tokenizer, models
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), eos_token="<e>")
    return TransformerBridge.boot_transformers("gpt2", hf_model=theirs, tokenizer=plain)


def forward_both(layers: int, channels: int, heads: int, vocabulary: int, length: int) -> Ways:
    """A BART and the same weights in ours."""
    theirs, ours = build_both(layers, channels, heads, vocabulary)
    source, target = draw(vocabulary, length), draw(vocabulary, length)
    check(ours(source, target), theirs(input_ids=source, decoder_input_ids=target).logits)
    return {
        "ours, whole trace": lambda: ours(source, target, trace={}),
        "ours, no trace": lambda: ours(source, target),
        "Hugging Face eager, patterns": lambda: theirs(
            input_ids=source, decoder_input_ids=target, output_attentions=True
        ),
    }


def build_both(layers: int, channels: int, heads: int, vocabulary: int) -> tuple[Any, Transformer]:
    """A BART of that shape and the same weights in ours."""
    shape: dict[str, int] = {"vocab_size": vocabulary, "d_model": channels}
    for side in ("encoder", "decoder"):
        shape |= {
            f"{side}_layers": layers,
            f"{side}_attention_heads": heads,
            f"{side}_ffn_dim": 4 * channels,
        }
    return bart(0, **shape, max_position_embeddings=256)


def search(width: int) -> Ways:
    """Beam search on the translator's shape; the end token never comes, so that both take 30
    steps."""
    theirs, ours = build_both(2, 128, 4, 6000)
    with torch.no_grad():
        for table in (theirs.get_output_embeddings().weight, ours.output.weight):
            table.mul_(0.1)
            table[1] = 0
    tokens, start = draw(6000, 12), torch.zeros(1, 1, dtype=torch.long)
    options: dict[str, Any] = {"num_beams": width, "max_new_tokens": 30, "min_new_tokens": 30}
    if width > 1:
        options |= {"length_penalty": 1.0, "early_stopping": True}

    def ours_finds() -> list[int]:
        found = beam_search(
            ours,
            start,
            end=1,
            width=width,
            source=ours.encode(tokens),
            limit=30,
            length_penalty=1.0,
            early_stopping=True,
        )
        return found.hypotheses[0].ids

    def theirs_finds() -> list[int]:
        found: list[int] = theirs.generate(tokens, do_sample=False, **options)[0, 1:].tolist()
        return found

    assert ours_finds() == theirs_finds()
    return {"ours, with its trace": ours_finds, "Hugging Face generate": theirs_finds}


def draw(vocabulary: int, length: int) -> Tensor:
    """Random ids (1, T)."""
    return torch.randint(
        3, vocabulary, (1, length), generator=torch.Generator().manual_seed(length)
    )


def check(ours: Tensor, theirs: Tensor) -> None:
    """Stop if the two do not compute the same: their times would mean nothing."""
    if not torch.allclose(ours, theirs, atol=1e-2 * float(theirs.detach().abs().max())):
        sys.exit("the two networks differ")


if __name__ == "__main__":
    main()
