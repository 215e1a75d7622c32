"""What the attention explorer sends to the browser: a map for each head, and one weight in full.

H heads, L layers, T tokens that ask, S tokens that are read, D channels a head.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch.nn.functional as F
from torch import Tensor

from app.labs.parts.looks import Look

THUMBNAIL = 32  # cells along a small map's side, at most


def panel(one: Look, patterns: Tensor, opened: Tensor) -> dict[str, Any]:
    """One sentence for the browser: tokens, the opened map in 16 bits a weight, all maps small."""
    rows, columns = patterns.shape[-2:]
    size = (min(rows, THUMBNAIL), min(columns, THUMBNAIL))
    small = F.adaptive_max_pool2d(patterns.flatten(0, 1), size)  # (L*H, T, S) -> (L*H, t, s)
    return {
        "asking": one.asking,
        "asked": one.asked,
        "weights": packed(opened, 65535, "<u2"),
        "small": packed(small, 255, "u1"),
        "small_rows": size[0],
        "small_columns": size[1],
    }


def opened_map(shown: Mapping[str, Any]) -> go.Figure:
    """The opened map of what `panel` gave, for a picture of the lab."""
    size = len(shown["asking"]), len(shown["asked"])
    numbers = np.frombuffer(base64.b64decode(shown["weights"]), "<u2").reshape(size)
    return go.Figure(
        go.Heatmap(z=(numbers / 65535).tolist()),
        {"coloraxis": {"cmin": 0, "cmax": 1}, "yaxis": {"autorange": "reversed"}},
    )


def packed(weights: Tensor, steps: int, form: str) -> str:
    """Weights of 0 to 1 as that many steps, little-endian, in base64."""
    return base64.b64encode((weights * steps).round().numpy().astype(form).tobytes()).decode()


def explain_cell(one: Look, layer: int, head: int, query: int, key: int) -> dict[str, Any] | None:
    """How one weight came about, number by number; None where no cell of one head is chosen."""
    if not (head and 1 <= query <= len(one.asking) and 1 <= key <= len(one.asked)):
        return None
    module, row, column = one.module(layer), query - 1, key - 1
    part = {
        name: one.trace[f"{module}.{name}"][0, head - 1]
        for name in ("queries", "keys", "values", "scores", "masked_scores", "pattern")
    }
    products = part["queries"][row] * part["keys"][column]  # (D,)
    masked = part["masked_scores"][row]  # (S,)
    top = float(masked.max())
    return {
        "asking": one.asking[row],
        "asked": one.asked[column],
        "query": part["queries"][row].tolist(),
        "key": part["keys"][column].tolist(),
        "products": products.tolist(),
        "dot": float(products.sum()),
        "width": len(products),
        "score": float(part["scores"][row, column]),
        "hidden": not bool(masked[column].isfinite()),
        "exponential": float((masked[column] - top).exp()),
        "sum": float((masked - top).exp().sum()),
        "weight": float(part["pattern"][row, column]),
        "value": part["values"][column].tolist(),
        "adds": (part["pattern"][row, column] * part["values"][column]).tolist(),
    }
