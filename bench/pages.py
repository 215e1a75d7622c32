"""Pages and labs of the whole bank: milliseconds on the server and bytes sent, as a table."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx
import torch

from app.labs import LABS
from app.main import create_app
from app.settings import Settings
from model.checkpoint import Models

PAGES = (
    "/",
    "/questions",
    "/questions/scaled-dot-product",
    "/questions/scaled-dot-product/explanation",
    "/questions/print",
    "/practice",
    "/progress",
    "/api/questions",
)
REPEATS = 20
WORDS = "word " * 29 + "word"  # 32 tokens with [CLS] and [SEP]


async def measure(client: httpx.AsyncClient, address: str) -> str:
    """One row: the first request, then the middle and the slowest of the next ones."""
    seconds = []
    sent = 0
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        async with client.stream("GET", address) as response:
            sent = sum([len(part) async for part in response.aiter_raw()])
        seconds.append(time.perf_counter() - start)
        assert response.status_code == 200, address
    first, *others = (1000 * value for value in seconds)
    middle = statistics.median(others)
    return f"{address[:44]:45}{first:9.1f}{middle:9.1f}{max(others):9.1f}{sent:11,}"


def forward_alone(models: Models) -> float:
    """Milliseconds of MiniLM's bare forward pass on 32 tokens, the middle of REPEATS."""
    encoder = models.minilm
    ids, real = encoder.encode([WORDS])
    took = []
    with torch.inference_mode():
        for _ in range(REPEATS):
            start = time.perf_counter()
            encoder.network.encode(ids, real=real)
            took.append(1000 * (time.perf_counter() - start))
    assert ids.shape[1] == 32
    return statistics.median(took)


async def measure_practice(client: httpx.AsyncClient) -> list[str]:
    """A row for each way of a session: from Submit to the verdicts, from a rating to the next
    question, each with its redirect."""
    sitting = (await client.post("/api/practice", json={"mode": "quickfire"})).json()
    address = f"/practice/{sitting['id']}"
    steps: dict[str, list[float]] = {"Submit to verdicts": [], "rating to next question": []}
    for position in range(sitting["count"]):
        item = f"{address}/items/{position}"
        for step, path, form in (
            ("Submit to verdicts", f"{item}/answer", {"text": WORDS}),
            ("rating to next question", f"{item}/rating", {"rating": "3"}),
        ):
            start = time.perf_counter()
            response = await client.post(path, data=form, follow_redirects=True)
            steps[step].append(time.perf_counter() - start)
            assert response.status_code == 200, path
    return [
        f"{name:45}{1000 * took[0]:9.1f}{1000 * statistics.median(took):9.1f}"
        f"{1000 * max(took):9.1f}"
        for name, took in steps.items()
    ]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
        ):
            await client.get("/labs/cross-attention")  # the weights are read once
            print(f"{'GET':45}{'first ms':>9}{'median':>9}{'slowest':>9}{'bytes':>11}")
            for address in (*PAGES, *(f"/api/labs/{name}" for name in LABS)):
                print(await measure(client, address))
            print("\n".join(await measure_practice(client)))
            query = WORDS.replace(" ", "+")
            print(await measure(client, f"/api/labs/attention?sentence={query}"))
            print(f"MiniLM's bare forward, 32 tokens: {forward_alone(app.state.models):.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
