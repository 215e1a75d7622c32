"""The attention explorer beside the tools people use: bytes, time to a first view, DOM elements.

The same random patterns, 4 layers of 8 heads, go to each tool. Chromium may reach nothing but
loopback, as on a train: a tool that loads its code from elsewhere then shows nothing, and the
table says so. Ratios are of one run on one machine.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import bertviz
import circuitsvis
import inspectus
import torch
import uvicorn
from playwright.sync_api import Error, Page, sync_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.labs import LABS
from app.labs.illustration import Illustration, Table
from app.labs.parts.looks import Look
from app.labs.parts.panels import panel
from app.main import create_app
from app.settings import Settings
from tests.browser.conftest import CHROMIUM, FLAGS, free_port

LAYERS, HEADS = 4, 8
LENGTHS = (16, 64, 128, 256)
REPEATS = 3
WAIT = 20_000  # ms until a page counts as blank

Maker = Callable[[torch.Tensor, list[str]], str]


def patterns(tokens: int) -> torch.Tensor:
    """Random patterns (L, H, T, T) as sharp as trained ones often are."""
    torch.manual_seed(tokens)
    return (3 * torch.randn(LAYERS, HEADS, tokens, tokens)).softmax(dim=-1)


def by_bertviz(weights: torch.Tensor, tokens: list[str]) -> str:
    layers = [layer[None] for layer in weights]
    page: str = bertviz.head_view(layers, tokens, html_action="return").data
    return page


def by_circuitsvis(weights: torch.Tensor, tokens: list[str]) -> str:
    return "".join(str(circuitsvis.attention.attention_heads(layer, tokens)) for layer in weights)


def by_inspectus(weights: torch.Tensor, tokens: list[str]) -> str:
    shown: list[str] = []
    with mock.patch("IPython.display.display", lambda *parts: shown.extend(p.data for p in parts)):
        inspectus.attention(weights, tokens)
    return "".join(shown)


def ours(app: Starlette) -> Maker:
    """Our own page, from the template and the data that the lab itself makes."""

    def make(weights: torch.Tensor, tokens: list[str]) -> str:
        one = Look("minilm", tokens, tokens, {}, torch.zeros(1), "")
        data = {
            "title": "bench",
            "layers": LAYERS,
            "heads": HEADS,
            "layer": 1,
            "head": 1,
            "colours": "linear",
            "view": "map",
            "panels": [panel(one, weights, weights[0, 0])],
            "cell": None,
        }
        lab = LABS["attention"]
        template = app.state.templates.env.get_template("labs/show.html")
        return str(
            template.render(
                path="/labs",
                lab=lab,
                given={},
                aside=[item for item in lab.schema["properties"].items() if "aside" in item[1]],
                turned=False,
                fault=None,
                illustration=Illustration((), "", (), Table((), ()), data=data),
                questions=[],
                here="/labs/attention",
            )
        )

    return make


# The tool, and what its page holds once there is something to see.
READY = {
    "ours": "document.querySelector('[data-explorer=drawn]')",
    "inspectus 0.2": "document.querySelectorAll('div *').length > 100",
    "bertviz 1.4": "document.querySelector('svg rect, svg line')",
    "circuitsvis 1.43": "document.querySelector('canvas, img')",
}


def serve(app: Starlette) -> str:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return f"http://127.0.0.1:{port}"


def look(page: Page, address: str, ready: str) -> tuple[float | None, int]:
    """Milliseconds until there is something to see (None: nothing came), and DOM elements."""
    page.goto(address, wait_until="commit")
    try:
        page.wait_for_function(f"() => Boolean({ready})", timeout=WAIT, polling=20)
        took = page.evaluate("performance.now()")
    except Error:
        took = None
    return took, page.evaluate("document.querySelectorAll('*').length")


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    pages: dict[str, str] = {}
    routes = [
        Route(
            "/page/{name}/{length}",
            lambda r: HTMLResponse(pages[r.path_params["name"] + r.path_params["length"]]),
        )
    ]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = create_app(Settings(data_dir=Path(folder)))
        app.router.routes.insert(0, routes[0])
        homes = {"ours": serve(app)}
        others = serve(Starlette(routes=routes))
        makers: dict[str, Maker] = {
            "ours": ours(app),
            "inspectus 0.2": by_inspectus,
            "bertviz 1.4": by_bertviz,
            "circuitsvis 1.43": by_circuitsvis,
        }
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        print(f"{'tool':18}{'tokens':>7}{'bytes':>13}{'first view ms':>15}{'elements':>10}")
        for length in LENGTHS:
            weights, tokens = patterns(length), [f"token{i}" for i in range(length)]
            for name, make in makers.items():
                pages[f"{name}{length}"] = make(weights, tokens)
                seconds, elements = [], 0
                for _ in range(1 if name in ("bertviz 1.4", "circuitsvis 1.43") else REPEATS):
                    page = browser.new_page()
                    page.route(
                        "**/*",
                        lambda route: (
                            route.continue_()
                            if urlsplit(route.request.url).hostname == "127.0.0.1"
                            else route.abort()
                        ),
                    )
                    home = homes.get(name, others)
                    took, elements = look(page, f"{home}/page/{name}/{length}", READY[name])
                    seconds.append(took)
                    page.close()
                shown = "blank offline"
                if None not in seconds:
                    shown = f"{statistics.median(filter(None, seconds)):.0f}"
                size = len(pages[f"{name}{length}"].encode())
                print(f"{name:18}{length:7}{size:13,}{shown:>15}{elements:10,}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
