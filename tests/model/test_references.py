"""Our network with the weights of others computes what theirs compute."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.model.references import bart, bloom, gpt2, llama, t5


@pytest.mark.parametrize("build", [gpt2, llama, bloom])
def test_a_decoder_gives_the_logits_of_its_reference(build: Callable[..., Any]) -> None:
    theirs, ours = build(seed=3)
    tokens = torch.randint(3, 40, (2, 24), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("build", [bart, t5])
def test_an_encoder_decoder_gives_the_logits_of_its_reference(build: Callable[..., Any]) -> None:
    theirs, ours = build(seed=4)
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(3, 40, (2, 21), generator=generator)
    target = torch.randint(3, 40, (2, 24), generator=generator)
    real = torch.ones_like(source, dtype=torch.bool)
    real[1, 15:] = False
    with torch.no_grad():
        expected = theirs(
            input_ids=source, attention_mask=real.long(), decoder_input_ids=target
        ).logits
        torch.testing.assert_close(ours(source, target, real=real), expected, atol=1e-4, rtol=1e-4)


def test_patterns_are_those_of_the_reference() -> None:
    theirs, ours = bart(seed=5)
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(3, 40, (1, 9), generator=generator)
    target = torch.randint(3, 40, (1, 7), generator=generator)
    trace: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        ours(source, target, trace=trace)
        found = theirs(input_ids=source, decoder_input_ids=target, output_attentions=True)
    for layer in range(2):
        for name, expected in (
            (f"encoder.{layer}.self_attention.pattern", found.encoder_attentions[layer]),
            (f"decoder.{layer}.self_attention.pattern", found.decoder_attentions[layer]),
            (f"decoder.{layer}.cross_attention.pattern", found.cross_attentions[layer]),
        ):
            torch.testing.assert_close(trace[name], expected, atol=1e-5, rtol=1e-5)
