"""The beam search lab in a real browser: the tree is played, stopped and walked, the address keeps
the step, and a hypothesis opens its own cross-attention."""

import re

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, Visit

LAB = "/labs/beam-search"


def labels(page: Page) -> Locator:
    return page.locator("[data-plot=drawn] .textpoint text")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_the_tree_shows_every_candidate_that_the_model_gave(visit: Visit, server: Server) -> None:
    page = visit(LAB)
    expect(labels(page).first).to_be_visible(timeout=20_000)
    rows = httpx.get(f"{server.url}/api{LAB}").json()["table"]["rows"]
    shown = sorted(text.replace("\xa0", " ") for text in labels(page).all_text_contents())
    assert shown == sorted(["<bos>", *(row[2] for row in rows)])
    kept = page.locator("[data-plot=drawn] .trace.scatter path.point")
    assert kept.count() >= len(rows) + 1
    expect(page.locator("[data-holds=no]")).to_have_count(0)


def test_it_plays_pauses_and_walks_and_the_address_follows(visit: Visit) -> None:
    page = visit(LAB)
    expect(labels(page).first).to_be_visible(timeout=20_000)
    button(page, "Play").click()
    expect(page.locator(".reading")).to_contain_text("Step 1 of")
    expect(page.locator(".reading")).to_contain_text("Step 2 of", timeout=10_000)
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()
    page.wait_for_timeout(1500)
    step = int(page.locator("[name=step]").input_value())
    expect(page.locator(".reading")).to_contain_text(f"Step {step} of")
    assert f"step={step}" in page.url
    button(page, "Forward").click()
    expect(page.locator(".reading")).to_contain_text(f"Step {step + 1} of")
    count = labels(page).count()
    button(page, "Back").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".reading")).to_contain_text(f"Step {step} of")
    expect(labels(page)).not_to_have_count(count)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".reading")).to_contain_text(f"Step {step + 1} of")
    page.wait_for_url(f"**step={step + 1}**")
    page.reload()
    expect(page.locator(".reading")).to_contain_text(f"Step {step + 1} of")


def test_playing_ends_with_the_whole_search(visit: Visit) -> None:
    page = visit(f"{LAB}?sentence=They+run.")
    expect(labels(page).first).to_be_visible(timeout=20_000)
    steps = int(page.locator("[data-steps]").get_attribute("data-steps") or 0)
    page.locator("[name=step]").fill(str(steps - 1))
    page.locator("[name=step]").press("Enter")
    expect(page.locator(".reading")).to_contain_text(f"Step {steps - 1} of")
    button(page, "Play").click()
    expect(page.locator(".reading")).to_contain_text("The beam finds")
    expect(button(page, "Play")).to_be_visible(timeout=10_000)
    assert page.locator("[name=step]").input_value() == str(steps)


def test_a_hypothesis_opens_its_own_cross_attention(visit: Visit) -> None:
    page = visit(LAB)
    link = page.locator(".finals a").nth(1)
    text = link.text_content() or ""
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/labs/cross-attention?**")
    expect(page.locator(".reading")).to_contain_text(f"The decoder reads “{text}”")
    assert page.locator("[name=written]").input_value() == text
    expect(page.locator("[name=written]")).to_be_visible()
    page.go_back()
    expect(page.locator(".finals")).to_be_visible()


def test_an_example_is_one_click_away_and_a_width_of_one_breaks_the_claim(visit: Visit) -> None:
    page = visit(LAB)
    example = page.locator(".examples a").first
    text = example.text_content() or ""
    example.click()
    page.wait_for_url("**?sentence=**")
    assert page.locator("[name=sentence]").input_value() == text
    page.locator("[name=width]").fill("1")
    page.locator("[name=width]").press("Enter")
    failing = page.locator("[data-holds=no]", has_text="greedy search never writes")
    expect(failing).to_be_visible()


def test_a_wide_tree_is_scrolled_on_a_telephone_and_saved_whole(visit: Visit) -> None:
    page = visit(f"{LAB}?step=6", viewport={"width": 390, "height": 800})
    expect(labels(page).first).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    figure = page.locator("figure[data-plot]")
    assert figure.evaluate("f => f.scrollWidth > f.clientWidth && f.scrollLeft > 0")
    whole = figure.evaluate("f => f.scrollWidth")
    with page.expect_download() as download:
        button(page, "SVG").click()
    width = re.search(r'width="(\d+)', download.value.path().read_text())
    assert width
    assert abs(int(width[1]) - whole) < 3


def test_a_figure_without_a_width_of_its_own_still_follows_the_window(visit: Visit) -> None:
    page = visit("/labs/cross-attention", viewport={"width": 1200, "height": 800})
    svg = page.locator("[data-plot=drawn] .main-svg").first
    expect(svg).to_be_visible(timeout=20_000)
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("() => document.querySelector('.main-svg').clientWidth <= 390")
    page.set_viewport_size({"width": 1200, "height": 800})
    page.wait_for_function("() => document.querySelector('.main-svg').clientWidth > 900")


def test_without_javascript_the_translations_are_there(visit: Visit) -> None:
    page = visit(f"{LAB}?step=2", scripts=False)
    expect(page.locator(".finals tbody tr")).to_have_count(6)
    expect(page.locator("[data-player]")).to_be_hidden()
    expect(page.locator(".reading")).to_contain_text("Step 2 of")
    page.locator("[name=step]").fill("3")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".reading")).to_contain_text("Step 3 of")
