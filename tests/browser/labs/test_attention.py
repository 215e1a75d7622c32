"""The attention explorer in a real browser: each interaction once, by mouse and by keyboard."""

import base64
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, Visit

LAB = "/labs/attention"
SENTENCE = "The red cars are not old."


def drawn(page: Page) -> None:
    expect(page.locator("[data-explorer=drawn]")).to_be_visible(timeout=20_000)


def state(page: Page) -> dict[str, str]:
    """The lab's state as the address holds it."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def weight(server: Server, query: str, row: int, column: int) -> float:
    panel = httpx.get(f"{server.url}/api{LAB}?{query}").json()["data"]["panels"][0]
    numbers = np.frombuffer(base64.b64decode(panel["weights"]), dtype="<u2")
    return float(numbers[row * len(panel["asked"]) + column] / 65535)


def test_all_heads_are_there_and_one_opens(visit: Visit) -> None:
    page = visit(LAB)
    drawn(page)
    heads = page.locator("[data-heads] button")
    assert heads.count() == 6 * 12
    page.get_by_role("button", name="Layer 4, head 7", exact=True).click()
    expect(page.locator(".explorer")).to_contain_text("layer 4, head 7")
    assert (state(page)["layer"], state(page)["head"]) == ("4", "7")
    expect(page.get_by_role("button", name="Layer 4, head 7", exact=True)).to_be_focused()
    page.reload()
    drawn(page)
    expect(page.locator("[data-heads] [aria-pressed=true]")).to_have_attribute(
        "title", "Layer 4, head 7"
    )


def test_a_cell_is_pointed_at_held_and_let_go(visit: Visit, server: Server) -> None:
    page = visit(f"{LAB}?layer=2&head=9")
    drawn(page)
    canvas = page.locator("[data-panels] canvas")
    canvas.hover(position={"x": 200, "y": 200})
    said = page.locator("[data-pointed]").text_content() or ""
    assert "reads" in said
    canvas.click(position={"x": 200, "y": 200})
    expect(page.locator(".cell h3")).to_contain_text("came to read")
    held = state(page)
    row, column = int(held["query"]) - 1, int(held["key"]) - 1
    expected = weight(server, "layer=2&head=9", row, column)
    assert said.endswith(f": {expected:.4f}")
    expect(page.locator(".cell strong")).to_have_text(f"{expected:.4f}")
    page.locator("[data-panels] canvas").click(position={"x": 200, "y": 200})
    expect(page.locator(".cell")).to_have_count(0)


def test_the_keyboard_alone_reaches_and_holds_a_cell(visit: Visit, server: Server) -> None:
    page = visit(f"{LAB}?layer=2&head=9")
    drawn(page)
    page.locator("[data-panels] canvas").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expected = weight(server, "layer=2&head=9", 2, 1)
    expect(page.locator("[data-pointed]")).to_contain_text(f"{expected:.4f}")
    page.keyboard.press("Enter")
    expect(page.locator(".cell")).to_be_visible()
    assert (state(page)["query"], state(page)["key"]) == ("3", "2")
    expect(page.locator("[data-panels] canvas")).to_be_focused()


def test_switches_recompute_and_say_what_changed(visit: Visit) -> None:
    page = visit(f"{LAB}?reader=translator-decoder&sentence={SENTENCE}")
    drawn(page)
    page.locator("summary", has_text="More controls").click()
    page.locator("[name=mask]").select_option("off")
    expect(page.locator("[data-holds=no]")).to_have_count(2)
    expect(page.locator(".reading")).to_contain_text("With these switches")
    assert state(page)["mask"] == "off"


def test_arcs_and_two_sentences(visit: Visit) -> None:
    page = visit(f"{LAB}?second=Dogs+sleep.&view=arcs")
    drawn(page)
    assert page.locator("[data-panels] canvas").count() == 2
    page.locator("[data-panels] canvas").first.hover(position={"x": 30, "y": 40})
    expect(page.locator("[data-pointed]")).to_contain_text("reads")


def test_the_figure_and_its_numbers_can_be_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit(f"{LAB}?reader=cross-attention&sentence={SENTENCE}&layer=2&head=1")
    drawn(page)
    cells = page.evaluate(
        "JSON.parse(document.querySelector('[data-explorer] script').textContent).panels[0]"
    )
    with page.expect_download() as saving:
        page.get_by_role("button", name="SVG").click()
    saving.value.save_as(tmp_path / "map.svg")
    picture = (tmp_path / "map.svg").read_text()
    assert picture.count("<title>0") + picture.count("<title>1") == len(cells["asking"]) * len(
        cells["asked"]
    )
    with page.expect_download() as saving:
        page.get_by_role("button", name="PNG").click()
    saving.value.save_as(tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"
    for link, part in (("CSV", "voitures"), ("JSON", "panels")):
        with page.expect_download() as saving:
            page.get_by_role("link", name=link, exact=True).evaluate(
                "link => { link.download = 'numbers'; link.click(); }"
            )
        saving.value.save_as(tmp_path / "numbers")
        assert part in (tmp_path / "numbers").read_text() or part == "voitures"


def test_a_long_text_stays_light(visit: Visit) -> None:
    page = visit(f"{LAB}?sentence={'word+' * 126}")
    drawn(page)
    assert page.evaluate("document.querySelectorAll('*').length") < 2000
    tokens = json.loads(page.locator("[data-explorer] script").text_content() or "")["panels"][0][
        "asked"
    ]
    assert len(tokens) == 128


def test_the_page_is_as_narrow_as_a_telephone_and_works_without_javascript(visit: Visit) -> None:
    page = visit(f"{LAB}?layer=2&head=9", viewport={"width": 390, "height": 800})
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page = visit(f"{LAB}?sentence={SENTENCE}&query=3&key=2", scripts=False)
    page.locator("summary", has_text="The numbers as a table").click()
    assert page.locator(".output td").count() > 9
    expect(page.locator(".cell")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_takes_the_colours_of_the_page(visit: Visit, scheme: str) -> None:
    page = visit(f"{LAB}?layer=2&head=9", color_scheme=scheme)
    drawn(page)
    pixel = page.locator("[data-legend] canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3)"
    )
    ramp = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ramp')")
    assert "#" + "".join(f"{value:02x}" for value in pixel) == ramp.split()[0]
