"""A lab in a real browser: the picture is the model's, and the address is its state."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from app.labs import LABS
from tests.browser.conftest import Server, Visit

LAB = "/labs/cross-attention"
DIGITS = "/labs/vision-transformer"
SEVEN = [(2, 1), (3, 1), (4, 1), (5, 1), (5, 2), (4, 3), (4, 4), (3, 5), (3, 6)]  # column, row


def drawn(page: Page) -> None:
    expect(page.locator("[data-plot=drawn] .heatmap-label").first).to_be_visible(timeout=20_000)


def test_the_picture_shows_the_numbers_that_the_model_gave(visit: Visit, server: Server) -> None:
    page = visit(LAB)
    drawn(page)
    answer = httpx.get(f"{server.url}/api{LAB}").json()
    weights = [weight for row in answer["figures"][0]["data"][0]["z"] for weight in row]
    labels = page.locator("[data-plot=drawn] .heatmap-label").all_text_contents()
    assert labels == [f"{weight:.2f}" for weight in weights]
    assert page.locator("g.xtick").count() == len(answer["table"]["columns"]) - 1
    assert page.locator("g.ytick").count() == len(answer["table"]["rows"])


def test_a_control_computes_anew_and_the_address_keeps_it(visit: Visit) -> None:
    page = visit(LAB)
    drawn(page)
    before = page.locator(".reading").text_content()
    page.locator("[name=sentence]").fill("The small dogs are not old.")
    page.locator("[name=sentence]").press("Enter")
    expect(page.locator(".reading")).not_to_have_text(before or "")
    drawn(page)
    page.locator("[name=head]").select_option("3")
    expect(page.locator("figure")).to_contain_text("head 3")
    assert "head=3" in page.url
    assert "small+dogs" in page.url
    reading = page.locator(".reading").text_content()
    page.reload()
    expect(page.locator(".reading")).to_have_text(reading or "")


def test_the_breaking_control_breaks_the_claim(visit: Visit) -> None:
    page = visit(LAB)
    drawn(page)
    expect(page.locator("[data-holds=no]")).to_have_count(0)
    page.locator("[name=encoder]").select_option("off")
    expect(page.locator("[data-holds=no]")).to_have_count(2)
    expect(page.locator("[data-holds=no]").first).to_contain_text("does not hold")


def test_an_unknown_word_is_named_and_a_long_sentence_told_the_limit(visit: Visit) -> None:
    page = visit(f"{LAB}?sentence=The+zeppelin+is+red.")
    expect(page.locator(".note")).to_contain_text("zeppelin")
    page.locator("[name=sentence]").fill("the red car " * 24)
    page.locator("[name=sentence]").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("tokens")
    assert page.locator("[name=sentence]").input_value().startswith("the red car")


def test_dark_and_light_draw_in_their_own_colours(visit: Visit) -> None:
    page = visit(LAB, color_scheme="dark")
    drawn(page)
    dark = page.locator(".xtick text").first.evaluate("e => getComputedStyle(e).fill")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.xtick text')).fill !== before",
        arg=dark,
    )
    drawn(page)
    light = page.locator(".xtick text").first.evaluate("e => getComputedStyle(e).fill")
    assert light != dark


def test_no_page_is_wider_than_a_telephone(visit: Visit) -> None:
    viewport = {"width": 390, "height": 800}
    for address in (
        "/",
        "/questions",
        "/questions/cross-attention",
        "/questions/cross-attention/explanation",
        "/questions/scaled-dot-product/explanation",
        "/labs",
        LAB,
        "/progress",
        "/nowhere",
    ):
        page = visit(address, viewport=viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


@pytest.mark.parametrize("name", LABS)
def test_every_lab_is_drawn_on_a_telephone(visit: Visit, name: str) -> None:
    page = visit(f"/labs/{name}", viewport={"width": 390, "height": 800})
    picture = page.locator("[data-plot=drawn], [data-explorer=drawn]").first
    skip = page.locator("[data-skip]:visible")
    expect(picture.or_(skip).first).to_be_visible(timeout=20_000)
    if skip.count():
        skip.click()
    expect(picture).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", LABS)
def test_every_lab_can_be_read_without_javascript(visit: Visit, name: str) -> None:
    page = visit(f"/labs/{name}", scripts=False)
    page.locator("summary", has_text="The numbers as a table").click()
    expect(page.locator(".output td").first).to_be_visible()
    expect(page.locator(".reading")).to_be_visible()


def test_a_prediction_comes_before_the_picture_and_never_blocks(visit: Visit) -> None:
    asked = next((name for name, lab in LABS.items() if lab.prediction), None)
    assert asked is not None
    page = visit(f"/labs/{asked}")
    expect(page.locator(".predict fieldset")).to_be_visible()
    expect(page.locator("[data-output]")).to_be_hidden()
    page.locator(".predict input").first.check()
    page.get_by_role("button", name="Look").click()
    expect(page.locator("[data-output]")).to_be_visible()
    expect(page.locator(".predict output")).to_have_text(re.compile("As you expected|otherwise"))
    page.reload()
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("[data-output]")).to_be_visible()


def test_plotly_is_asked_for_only_where_a_figure_is(visit: Visit) -> None:
    page = visit("/questions")
    assert page.evaluate("typeof Plotly") == "undefined"
    page = visit(LAB)
    drawn(page)
    assert page.evaluate("typeof Plotly") == "object"


def open_pad(visit: Visit) -> tuple[Page, Locator]:
    page = visit(DIGITS)
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-drawn]")).to_have_attribute("data-drawn", "0" * 64)
    return page, page.locator("[data-pad] canvas")


def drawing(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)["drawing"][0]


def test_a_stroke_is_read_and_the_address_keeps_it(visit: Visit) -> None:
    page, canvas = open_pad(visit)
    box = canvas.bounding_box()
    assert box is not None
    dot = box["width"] / 8
    places = [(box["x"] + (x + 0.5) * dot, box["y"] + (y + 0.5) * dot) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()
    expect(page.locator(".reading")).to_contain_text("Your drawing is taken for 7")
    inked = {divmod(place, 8)[::-1] for place, ink in enumerate(drawing(page)) if ink == "g"}
    assert inked == set(SEVEN)
    page.reload()
    expect(page.locator("[data-drawn]")).to_have_attribute("data-drawn", drawing(page))


def test_keys_draw_and_another_picture_takes_the_drawing_away(visit: Visit) -> None:
    page, canvas = open_pad(visit)
    canvas.focus()
    for key in ("ArrowRight", "ArrowDown", " "):
        page.keyboard.press(key)
    expect(page.locator("[data-pad] output")).to_have_text("row 2, column 2: 16 of 16")
    expect(page.locator("[data-drawn]")).to_have_attribute(
        "data-drawn", "05" + "0" * 6 + "5g5" + "0" * 6 + "5" + "0" * 46
    )
    expect(canvas).to_be_focused()
    page.keyboard.press(" ")
    expect(page.locator("[data-pad] output")).to_have_text("row 2, column 2: 0 of 16")
    page.locator("[name=picture]").fill("9")
    page.locator("[name=picture]").press("Enter")
    expect(page.locator(".output .facts")).to_contain_text("picture 9")
    assert drawing(page) == ""


def test_without_javascript_the_drawing_is_a_text_field(visit: Visit) -> None:
    page = visit(DIGITS, scripts=False)
    expect(page.locator("[data-pad]")).to_be_hidden()
    page.locator("[name=drawing]").fill("0" * 27 + "gg" + "0" * 6 + "gg" + "0" * 27)
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".reading")).to_contain_text("Your drawing")
