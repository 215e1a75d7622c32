"""The tree of a beam search as one sees it: every candidate in its place, numbers that add up.

Sums are shown with four decimals. A token's log-probability is shown as the difference of two such
sums and a score is computed from one, so that what stands on the page adds up exactly; what is
shown of a token is then off by 0.0001 at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

import plotly.graph_objects as go

from app.labs.illustration import Table
from model.beam import Candidate, Search
from model.tokenizer import Tokenizer

ROW, LETTER = 38, 8  # px: between two ranks, and of a label


@dataclass(frozen=True)
class Node:
    """One candidate of one step. Its score is `log_probability` over length ** length penalty."""

    ids: tuple[int, ...]  # all its tokens; none at the root
    token: str
    rank: int  # 1 is the likeliest of its step
    fate: str  # kept, finished or pruned
    log_probability: Decimal  # the sum over its tokens
    score: Decimal
    parent: "Node | None" = None

    @property
    def step(self) -> int:
        """Also its length, as each step adds one token."""
        return len(self.ids)

    @property
    def part(self) -> Decimal:
        """The log-probability of its last token, given what comes before."""
        return self.log_probability - self.parent.log_probability if self.parent else Decimal(0)


Steps = list[list[Node]]  # every step's candidates, likeliest first


def shown(value: float) -> Decimal:
    """`value` with four decimals; no zero is negative."""
    return Decimal(f"{value:.4f}") + Decimal(0)


def score(log_probability: Decimal, length: int, length_penalty: float) -> Decimal:
    """What a hypothesis is worth, from its sum as shown."""
    return shown(float(log_probability) / length**length_penalty)


def grow(search: Search, tokenizer: Tokenizer, length_penalty: float) -> Steps:
    """The nodes of every step of `search`, each with its parent."""

    def node(parent: Node, rank: int, candidate: Candidate) -> Node:
        ids = (*parent.ids, candidate.token)
        total = shown(candidate.log_probability)
        worth = score(total, len(ids), length_penalty)
        token = tokenizer.piece(candidate.token)
        return Node(ids, token, rank, candidate.fate, total, worth, parent)

    root = Node((), tokenizer.piece(tokenizer.bos), 1, "kept", shown(0.0), shown(0.0))
    live, steps = [root], []
    for candidates in search.steps:
        step = [node(live[c.parent], rank, c) for rank, c in enumerate(candidates, 1)]
        live = [node for node in step if node.fate == "kept"]
        steps.append(step)
    return steps


def path(node: Node | None) -> list[Node]:
    """From the root to `node`."""
    return [*path(node.parent), node] if node else []


def reached(steps: Steps, ids: Sequence[int]) -> Node | None:
    """How far the search followed `ids`: the last of their beginnings among its candidates."""
    beginnings = {tuple(ids[:length]) for length in range(1, len(ids) + 1)}
    return next((n for step in reversed(steps) for n in step if n.ids in beginnings), None)


def leader(steps: Steps) -> Node | None:
    """The best that goes on after the last of `steps`, or has ended there."""
    return next((node for node in steps[-1] if node.fate != "pruned"), None)


def draw(
    steps: Steps, *, last: int, best: Node | None, greedy: Node | None, length_penalty: float
) -> go.Figure:
    """The tree up to step `last`, in the frame of all `steps`, so that nothing moves between two
    pictures of one search; with the ways to `best` and to where `greedy` left the search."""
    nodes = [path(steps[0][0])[0], *(node for step in steps[:last] for node in step)]
    figure = go.Figure()
    figure.add_trace(_edges([n for n in nodes if n.fate == "pruned"], "line", 1))
    figure.add_trace(_edges([n for n in nodes if n.fate != "pruned"], "series-5", 1.5))
    figure.add_trace(_way(best, "best" if last == len(steps) else "leads", "accent", 4, None))
    figure.add_trace(_way(greedy, "greedy, while in the tree", "series-2", 2, "dot"))
    for fate in ("pruned", "kept", "finished"):
        figure.add_trace(_marks([n for n in nodes if n.fate == fate], fate, length_penalty))
    ranks = max(map(len, steps))
    letters = max(len(node.token) for step in steps for node in step)
    figure.update_layout(
        template=None,
        title={"text": f"The {ranks} likeliest candidates of every step"},
        width=110 + len(steps) * min(120, max(60, LETTER * letters + 12)),
        height=150 + ROW * ranks,
        margin={"t": 90},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        dragmode=False,
        xaxis=_axis("step (tokens written)", [0, len(steps)], 0.5),
        yaxis=_axis("rank by score", [ranks, 1], 0.8),
    )
    return figure


def _axis(title: str, ends: list[int], room: float) -> dict[str, object]:
    first, last = ends
    side = room if last > first else -room
    return {
        "title": {"text": title},
        "range": [first - side, last + side],
        "dtick": 1,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _edges(nodes: Sequence[Node], color: str, width: float) -> go.Scatter:
    """A line from its parent to each node."""
    x: list[int | None] = []
    y: list[int | None] = []
    for node in nodes:
        if node.parent:
            x += [node.parent.step, node.step, None]
            y += [node.parent.rank, node.rank, None]
    line = {"color": f"var(--{color})", "width": width}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _way(end: Node | None, name: str, color: str, width: float, dash: str | None) -> go.Scatter:
    way = path(end)
    return go.Scatter(
        x=[node.step for node in way],
        y=[node.rank for node in way],
        mode="lines",
        name=name,
        line={"color": f"var(--{color})", "width": width, "dash": dash},
        hoverinfo="skip",
    )


def _marks(nodes: Sequence[Node], fate: str, length_penalty: float) -> go.Scatter:
    """Kept nodes solid, finished ones ringed, pruned ones hollow and faint."""
    ink = "var(--ink-soft)" if fate == "pruned" else "var(--ink)"
    marker = {
        "pruned": {"symbol": "circle-open", "size": 7, "color": "var(--series-5)", "opacity": 0.6},
        "kept": {"symbol": "circle", "size": 9, "color": ink},
        "finished": {
            "symbol": "circle",
            "size": 13,
            "color": "var(--paper)",
            "line": {"color": "var(--accent)", "width": 4},
        },
    }[fate]
    return go.Scatter(
        x=[node.step for node in nodes],
        y=[node.rank for node in nodes],
        mode="markers+text",
        name=fate,
        marker=marker,
        text=[escape(node.token) for node in nodes],
        textposition="top center",
        textfont={"color": ink, "size": 11 if fate == "pruned" else 13},
        hovertext=[sums(node, length_penalty) for node in nodes],
        hoverinfo="text",
        cliponaxis=False,
    )


def sums(node: Node, length_penalty: float) -> str:
    """How the node's numbers add up, as Plotly's hypertext."""
    if node.parent is None:
        return "the beginning"
    before = " ".join(escape(n.token) for n in path(node.parent))
    return (
        f"<b>{escape(node.token)}</b> after {before}<br>"
        f"log p of the token {node.part}<br>"
        f"sum {node.parent.log_probability} + {node.part} = {node.log_probability}<br>"
        f"score {node.log_probability} / {node.step}^{length_penalty:g} = {node.score}<br>"
        f"rank {node.rank}: {node.fate}"
    )


def tree_table(steps: Steps) -> Table:
    """Every candidate of `steps` as a row."""
    return Table(
        columns=(
            "step",
            "rank",
            "token",
            "after",
            "log p of the token",
            "sum of log p",
            "length",
            "score",
            "fate",
        ),
        rows=tuple(
            (
                node.step,
                node.rank,
                node.token,
                " ".join(n.token for n in path(node.parent)),
                float(node.part),
                float(node.log_probability),
                node.step,
                float(node.score),
                node.fate,
            )
            for step in steps
            for node in step
        ),
    )
