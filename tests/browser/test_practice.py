"""The whole loop in a real browser, by keyboard alone; and nothing typed is lost."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, Visit

QUESTION = "/questions/cross-attention"
WORDS = "The decoder asks with queries, and the encoder's output gives keys and values."


def cells(page: Page) -> int:
    """How many cells the heat map on the page has drawn."""
    expect(page.locator("[data-plot=drawn] .heatmap-label").first).to_be_visible(timeout=20_000)
    return page.locator("[data-plot=drawn] .heatmap-label").count()


def kept(page: Page) -> None:
    expect(page.locator("#kept")).to_have_text("Saved")


def test_a_question_is_found_answered_marked_illustrated_and_kept(
    visit: Visit, server: Server
) -> None:
    page = visit("/")
    page.get_by_role("link", name="Questions", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/questions")
    page.keyboard.press("/")
    page.keyboard.type("cross-attention encoder-decoder")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=cross-attention**")
    link = page.get_by_role("link", name="What is cross-attention in encoder-decoder Transformers?")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{QUESTION}")

    page.keyboard.type(WORDS)  # the box has the focus already
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/answers/1")
    expect(page.get_by_text(WORDS)).to_be_visible()
    expect(page.locator("#in-depth math").first).to_be_visible()
    expect(page.locator("#in-code pre .kn").first).to_be_visible()

    points = page.locator(".points fieldset")
    assert points.count() >= 5
    for index in range(points.count()):
        points.nth(index).locator("input").first.focus()
        page.keyboard.press("Space")  # made
        if index == 1:
            page.keyboard.press("ArrowRight")  # missing
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/answers/1#points")
    expect(page.get_by_role("status")).to_contain_text(f"{points.count() - 1} made · 1 missing")

    drawn = cells(page)
    columns = page.locator("[data-plot=drawn] g.xtick").count()
    rows = page.locator("[data-plot=drawn] g.ytick").count()
    assert drawn == rows * columns > 9

    page.reload()
    assert page.locator('.points [value="missing"]:checked').count() == 1
    server.kill()
    server.start()
    page.goto(server.url + QUESTION)
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#history")).to_contain_text("1 missing")
    page.goto(server.url + "/progress")
    expect(page.locator("main")).to_contain_text("1 of")
    expect(page.locator("main")).to_contain_text("What is cross-attention")
    page.goto(server.url + QUESTION)
    page.locator("h1").click()
    page.keyboard.press("n")
    page.wait_for_url("**/questions/fine-tuning")


def test_the_loop_works_without_javascript(visit: Visit) -> None:
    page = visit(QUESTION, scripts=False)
    page.locator("#text").fill(WORDS)
    page.get_by_role("button", name="Submit").click()
    page.locator('.points [value="contradicted"]').nth(1).check(force=True)
    page.get_by_role("button", name="Save verdicts").click()
    expect(page.get_by_role("status")).to_contain_text("1 contradicted")
    page.get_by_role("link", name="Open the live illustration").click()
    page.locator("summary", has_text="The numbers as a table").click()
    assert page.locator(".output td").count() > 9
    page.locator("[name=layer]").select_option("1")
    page.get_by_role("button", name="Run").click()
    assert "layer=1" in page.url


def test_a_draft_survives_a_reload_and_a_killed_server(visit: Visit, server: Server) -> None:
    page = visit(QUESTION)
    page.locator("#text").fill("Queries come")
    kept(page)
    page.reload()
    expect(page.locator("#text")).to_have_value("Queries come")
    page.locator("#text").press_sequentially(" from the decoder")
    kept(page)
    server.kill()
    page.locator("#text").press_sequentially(", keys")
    expect(page.locator("#kept")).to_contain_text("server does not answer")
    server.start()
    expect(page.locator("#kept")).to_have_text("Saved", timeout=10_000)
    page.goto(server.url + "/")
    expect(page.locator("main")).to_contain_text("Queries come from the decoder, keys")


def test_what_was_typed_in_the_last_half_second_survives_a_reload(visit: Visit) -> None:
    page = visit(QUESTION)
    page.locator("#text").fill("Typed")
    kept(page)
    page.locator("#text").press_sequentially(" and gone")
    page.reload()
    expect(page.locator("#text")).to_have_value("Typed and gone")
    kept(page)


def test_an_answer_that_is_too_long_is_refused_whole_and_kept(visit: Visit) -> None:
    page = visit(QUESTION)
    text = "far too long " * 8000
    page.locator("#text").fill(text)
    expect(page.locator("#kept")).to_contain_text("over the limit of 20,000", timeout=10_000)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("the limit is 20,000")
    assert page.locator("#text").input_value() == text


def test_a_double_click_on_submit_is_one_answer(visit: Visit) -> None:
    page = visit(QUESTION)
    page.locator("#text").fill(WORDS)
    page.get_by_role("button", name="Submit").dblclick()
    page.wait_for_url("**/answers/*")
    page.goto(page.url.split("/answers")[0])
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#text")).to_have_value("")


def test_a_second_tab_is_told_and_overwrites_nothing(visit: Visit, server: Server) -> None:
    first = visit(QUESTION)
    second = visit(QUESTION)  # another context: nothing shared but the server
    first.locator("#text").fill("from the first")
    kept(first)
    second.locator("#text").fill("from the second")
    expect(second.locator("#kept")).to_contain_text("another tab")
    assert second.locator("#text").input_value() == "from the second"
    first.reload()
    expect(first.locator("#text")).to_have_value("from the first")


@pytest.mark.parametrize(
    "nasty", ["<img src=x onerror=\"document.title='bad'\">", "</textarea><script>"]
)
def test_candidate_text_is_never_markup(visit: Visit, nasty: str) -> None:
    page = visit(QUESTION)
    page.locator("#text").fill(nasty)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/answers/1")
    expect(page.locator("blockquote")).to_have_text(nasty)
    assert "bad" not in page.title()


def test_filters_apply_as_they_are_chosen(visit: Visit, server: Server) -> None:
    page = visit("/questions")
    page.locator("[name=topic]").select_option("positions")
    page.wait_for_url(re.compile("topic=positions"))
    found = httpx.get(f"{server.url}/api/questions?topic=positions").json()
    assert 0 < len(found) < 10
    expect(page.locator(".questions li")).to_have_count(len(found))
    expect(page.locator("[name=topic]")).to_have_value("positions")
