"""The feed-forward network: each token by itself, up to more channels, through a bend, and back.

C channels; hidden is usually 4C.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from model.config import Activation, Config
from model.trace import Trace, record


class FeedForward(nn.Module):
    """narrow(activation(widen(x))); Vaswani et al. 2017, equation 2. SwiGLU multiplies two widened
    copies, one of them bent: narrow(silu(gate(x)) * widen(x)); Shazeer 2020."""

    def __init__(self, config: Config, name: str) -> None:
        super().__init__()
        self.name = name
        self.activation: Activation = config.activation
        gated = config.activation == "swiglu"
        self.gate = nn.Linear(config.channels, config.hidden, bias=config.bias) if gated else None
        self.widen = nn.Linear(config.channels, config.hidden, bias=config.bias)
        self.narrow = nn.Linear(config.hidden, config.channels, bias=config.bias)

    def forward(self, stream: Tensor, trace: Trace | None) -> Tensor:
        """What each token of `stream` (B, T, C) adds to itself: (B, T, C)."""
        widened: Tensor = self.widen(stream)  # (B, T, C) -> (B, T, hidden)
        if self.gate is None:
            activations = bend(widened, self.activation)
        else:
            activations = F.silu(self.gate(stream)) * widened  # (B, T, C) -> (B, T, hidden)
        output: Tensor = self.narrow(activations)  # (B, T, hidden) -> (B, T, C)
        record(trace, f"{self.name}.activations", activations)
        record(trace, f"{self.name}.output", output)
        return output


def bend(values: Tensor, activation: Activation) -> Tensor:
    """The non-linearity, without which the two linear maps would be one."""
    match activation:
        case "relu":
            return F.relu(values)
        case "gelu":
            return F.gelu(values)
        case "gelu_tanh":  # GPT-2's approximation
            return F.gelu(values, approximate="tanh")
        case "swiglu":
            return F.silu(values)
