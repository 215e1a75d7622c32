"""Local is not open: foreign hosts, foreign origins and floods are refused before any route."""

import httpx
import pytest

from app.guard import BODY_LIMIT

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
async def test_our_own_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/questions", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "10.0.0.1"])
async def test_any_other_host_is_refused(client: httpx.AsyncClient, host: str) -> None:
    response = await client.get("/questions", headers={"Host": host})
    assert response.status_code == 400
    assert "host name" in response.text


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9000", "http://localhost:8000"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_origin_is_refused(
    client: httpx.AsyncClient, method: str, origin: str
) -> None:
    response = await client.request(
        method, "/api/questions/why-scale/answers", headers={"Origin": origin}, json={"text": "x"}
    )
    assert response.status_code == 403
    kept = await client.get("/api/questions/why-scale/answers")
    assert kept.json() == []


async def test_our_own_origin_may_post(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/api/questions/why-scale/answers",
        headers={"Origin": "http://127.0.0.1:8000"},
        json={"text": "Because."},
    )
    assert response.status_code == 201


async def test_a_form_that_another_site_sends_without_an_origin_is_refused(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(
        "/questions/why-scale/answers",
        headers={"Sec-Fetch-Site": "cross-site"},
        data={"text": "forged"},
    )
    assert response.status_code == 403


async def test_a_flood_is_refused_by_its_length_and_without_one(client: httpx.AsyncClient) -> None:
    flood = b'{"text": "' + b"x" * BODY_LIMIT + b'"}'
    address = "/api/questions/why-scale/answers"
    assert (await client.post(address, content=flood)).status_code == 413

    async def dripping():  # type: ignore[no-untyped-def]
        for start in range(0, len(flood), 500_000):
            yield flood[start : start + 500_000]

    headers = {"Content-Type": "application/json"}
    response = await client.post(address, content=dripping(), headers=headers)
    assert response.status_code == 413
    assert (await client.get(address)).json() == []


async def test_no_page_may_run_inline_script_or_load_from_elsewhere(
    client: httpx.AsyncClient,
) -> None:
    for address in ("/", "/questions", "/labs", "/nowhere", "/api/questions"):
        policy = (await client.get(address)).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "http" not in policy
