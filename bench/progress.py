"""The progress page of a candidate with 5,000 answers over a year: milliseconds and bytes."""

import asyncio
import gzip
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlmodel import Session

from app.main import create_app
from app.settings import Settings
from app.tables import LOCAL_LEARNER, Learner
from bench.history import simulate

ADDRESSES = ("/progress", "/api/progress", "/api/progress/readiness", "/")
REPEATS = 15


async def measure(client: httpx.AsyncClient, address: str) -> str:
    """One row: wall clock of the first request and of the next ones, and their processor time."""
    walls, processor = [], []
    for _ in range(REPEATS + 1):
        wall, own = time.perf_counter(), time.process_time()
        response = await client.get(address)
        walls.append(1000 * (time.perf_counter() - wall))
        processor.append(1000 * (time.process_time() - own))
        assert response.status_code == 200, address
    first, *others = walls
    middle, used = statistics.median(others), statistics.median(processor[1:])
    sent = len(gzip.compress(response.content, 3))
    return (
        f"{address:26}{first:9.0f}{middle:9.0f}{min(others):9.0f}{max(others):9.0f}{used:9.0f}"
        f"{len(response.content):11,}{sent:10,}"
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        with Session(app.state.engine) as session:
            learner = session.get_one(Learner, LOCAL_LEARNER)
            simulate(session, learner, app.state.bank, until=datetime.now(UTC))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
        ):
            names = ("first ms", "median", "fastest", "slowest", "cpu ms")
            heads = "".join(f"{name:>9}" for name in names)
            print(f"{'GET':26}{heads}{'bytes':>11}{'gzipped':>10}")
            for address in ADDRESSES:
                print(await measure(client, address))


if __name__ == "__main__":
    asyncio.run(main())
