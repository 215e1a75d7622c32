"""What holds for every page: whole without JavaScript, small, and nothing from elsewhere."""

import gzip
import re

import httpx
import pytest

pytestmark = pytest.mark.anyio

PAGES = ("/", "/questions", "/questions/why-scale", "/labs", "/progress", "/data", "/docs")


@pytest.mark.parametrize("address", PAGES)
async def test_a_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient, address: str) -> None:
    page = (await client.get(address)).text
    loaded = re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', page)
    assert loaded
    assert all(link.startswith(("/assets/", "/labs/")) for link in loaded)


@pytest.mark.parametrize("address", PAGES)
async def test_no_page_holds_inline_script_or_handlers(
    client: httpx.AsyncClient, address: str
) -> None:
    page = (await client.get(address)).text
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert not re.search(r"\son[a-z]+=", page)
    assert "javascript:" not in page


async def test_every_asset_of_a_page_is_there_for_a_year(client: httpx.AsyncClient) -> None:
    page = (await client.get("/questions")).text
    for link in re.findall(r'"(/assets/[^"]*)"', page):
        response = await client.get(link)
        assert response.status_code == 200, link
        assert "immutable" in response.headers["Cache-Control"]


async def test_the_stylesheet_names_the_maths_font_where_it_is(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    [sheet] = re.findall(r'"(/assets/[^"]*rendered.css)"', page)
    [font] = re.findall(r'url\("([^"]*)"\)', (await client.get(sheet)).text)
    response = await client.get(font)
    assert response.headers["Content-Type"] == "font/woff2"
    assert response.content[:4] == b"wOF2"


async def test_plotly_comes_from_its_package_and_only_where_a_figure_is(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/questions")).text
    [address] = re.findall(r'data-plotly="([^"]*)"', page)
    assert f'src="{address}"' not in page
    response = await client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response.content.startswith(b"/**\n* plotly.js v")
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("address", PAGES)
async def test_a_first_visit_is_under_sixty_kilobytes(
    client: httpx.AsyncClient, address: str
) -> None:
    page = (await client.get(address)).text
    total = len(gzip.compress(page.encode()))
    for link in set(re.findall(r'(?:src|href)="(/assets/[^"]*)"', page)):
        total += len(gzip.compress((await client.get(link)).content))
    modules = ("draft.js", "lab.js", "plot.js", "keys.js")
    [main] = re.findall(r'src="(/assets/[^"]*)main.js"', page)
    for module in modules:
        total += len(gzip.compress((await client.get(main + module)).content))
    assert total < 60_000


async def test_an_old_address_of_an_asset_is_gone(client: httpx.AsyncClient) -> None:
    for address in ("/assets/0000000000000000/css/base.css", "/assets/x/../../pyproject.toml"):
        assert (await client.get(address)).status_code == 404


async def test_an_unknown_address_is_a_page_with_a_search(client: httpx.AsyncClient) -> None:
    page = await client.get("/nowhere")
    assert page.status_code == 404
    assert 'role="search"' in page.text
    assert (await client.get("/api/nowhere")).json()["detail"].endswith(".")
    refused = await client.delete("/questions")
    assert refused.status_code == 405


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert "/api/questions/{slug}/answers" in described["paths"]
    assert not any(path.startswith("/questions") for path in described["paths"])
    page = (await client.get("/docs")).text
    for path in described["paths"]:
        assert path in page
    assert "sure | fairly | guess" in page


async def test_health_names_each_part(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "database": "ready", "model": "ready"}
