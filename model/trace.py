"""Looking inside: the names under which a forward pass writes its tensors, all listed here.

A caller passes an empty dict; every stage writes what it computed. Nothing is kept on a module,
so that two requests that share a network never see each other's tensors.
"""

from torch import Tensor

from model.config import Config

Trace = dict[str, Tensor]

ATTENTION = {
    "queries": "(B, H, T, D), turned to their positions where those are rotary",
    "keys": "(B, H, S, D), likewise; grouped heads are repeated",
    "values": "(B, H, S, D)",
    "scores": "(B, H, T, S): queries times keys, scaled, any bias added; before the mask",
    "masked_scores": "(B, H, T, S), minus infinity where the mask forbids",
    "pattern": "(B, H, T, S): softmax of the masked scores; each row sums to 1",
    "heads": "(B, H, T, D): the values that each head gathered",
    "output": "(B, T, C): the heads side by side, through the output projection",
}
FEED_FORWARD = {
    "activations": "(B, T, hidden), after the non-linearity",
    "output": "(B, T, C)",
}


def record(trace: Trace | None, name: str, tensor: Tensor) -> None:
    """Write `tensor` under `name` if the caller asked for a trace."""
    if trace is not None:
        trace[name] = tensor


def attention_names(config: Config) -> list[str]:
    """The attention modules, in the order in which they run."""
    encoder = [f"encoder.{layer}.self_attention" for layer in range(config.encoder_layers)]
    kinds = ["self_attention", "cross_attention"] if encoder else ["self_attention"]
    layers = range(config.decoder_layers)
    return encoder + [f"decoder.{layer}.{kind}" for layer in layers for kind in kinds]


def trace_names(config: Config) -> list[str]:
    """Every name that a forward pass of such a network writes.

    The residual stream, (B, T, C): `<stack>.embedding` enters the stack, then
    `<stack>.<layer>.residual.<sublayer>` is the stream after each sublayer, `<stack>.output` is
    what leaves. `logits` is (B, T, V).
    """
    names = []
    for stack, depth in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        if depth:
            names += [f"{stack}.embedding", f"{stack}.output"]
        for layer in range(depth):
            part = f"{stack}.{layer}"
            names += [f"{part}.feed_forward.{name}" for name in FEED_FORWARD]
            names += [f"{part}.residual.feed_forward"]
    for module in attention_names(config):
        part, kind = module.rsplit(".", 1)
        names += [f"{module}.{name}" for name in ATTENTION] + [f"{part}.residual.{kind}"]
    return sorted([*names, "logits"])
