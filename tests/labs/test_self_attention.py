"""The self-attention lab's map against PyTorch's attention, and its prediction against its mask."""

import pytest
import torch
import torch.nn.functional as F

from app.labs.illustration import Illustration
from app.labs.self_attention import Params, illustrate
from model.checkpoint import Models
from model.trace import Trace

SENTENCE = "The red cars are not old."


def run(models: Models, **params: object) -> Illustration:
    return illustrate(Params.model_validate(params), models)


@torch.inference_mode()
@pytest.mark.parametrize("stack", ["encoder", "decoder"])
@pytest.mark.parametrize("layer", [1, 2])
def test_the_map_is_what_pytorchs_attention_does_to_unit_vectors(
    models: Models, stack: str, layer: int
) -> None:
    translation = models.translator.translate(SENTENCE, target="fr")
    trace: Trace = {}
    models.translator.network(translation.source_ids, translation.target_ids, trace=trace)
    module = f"{stack}.{layer - 1}.self_attention"
    queries, keys = trace[f"{module}.queries"], trace[f"{module}.keys"]
    units = torch.eye(keys.shape[2]).expand(*keys.shape[:2], -1, -1)  # (B, H, S, S)
    expected = F.scaled_dot_product_attention(queries, keys, units, is_causal=stack == "decoder")
    for head in range(expected.shape[1]):
        illustration = run(models, sentence=SENTENCE, stack=stack, layer=layer, head=head + 1)
        found = torch.tensor(illustration.figures[0].data[0].z)
        torch.testing.assert_close(found, expected[0, head], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("params", "outcome"),
    [({}, 2), ({"stack": "decoder"}, 0), ({"stack": "decoder", "mask": "none"}, 2)],
)
def test_the_prediction_follows_the_mask(
    models: Models, params: dict[str, str], outcome: int
) -> None:
    assert run(models, **params).outcome == outcome
