"""Sessions in a real browser: by keyboard, through a power cut, in two tabs, a whole interview."""

import re

from playwright.sync_api import Page, expect

from app import bank, labs
from app.settings import ROOT
from tests.browser.conftest import Server, Visit

HALF = "The scores are dot products of queries and keys, and I was just about to say that"


def answer(page: Page, words: str) -> None:
    page.wait_for_url("**/practice/1")  # and for its scripts, which know the keys
    page.locator("#text").fill(words)
    page.keyboard.press("Control+Enter")


def test_a_review_is_done_undone_and_done_by_keyboard_alone(visit: Visit) -> None:
    page = visit("/practice")
    page.locator("[name=mode]:checked").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/practice/1")
    first = page.locator("h1").inner_text()
    page.keyboard.type("One sentence, typed.")  # the box has the focus already
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/practice/1/items/0")
    expect(page.locator("#points fieldset").first).to_be_visible()
    expect(page.locator(".ratings button")).to_have_count(4)
    page.keyboard.press("3")
    page.wait_for_url("**/practice/1")
    expect(page.locator("h1")).not_to_have_text(first)
    page.keyboard.press("Escape")  # out of the box: letters are keys now
    page.keyboard.press("?")
    expect(page.locator("dialog.keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url("**/practice/1/items/0")
    expect(page.locator("h1")).to_have_text(first)
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="★ Starred")).to_be_visible()
    page.keyboard.press("1")
    page.wait_for_url("**/practice/1")
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.locator("form .note")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    page.wait_for_url("**/practice/1/items/1")
    expect(page.get_by_text("You asked for the answer")).to_be_visible()


def test_a_power_cut_in_the_middle_of_an_answer_loses_nothing(visit: Visit, server: Server) -> None:
    page = visit("/practice")
    page.get_by_role("button", name="Start").click()
    answer(page, "The first answer.")
    page.wait_for_url("**/items/0")
    page.keyboard.press("2")
    page.wait_for_url("**/practice/1")
    second = page.locator("h1").inner_text()
    page.locator("[name=confidence][value=fairly]").check(force=True)
    page.locator("#text").press_sequentially(HALF)
    expect(page.locator("#kept")).to_have_text("Saved")
    server.kill()
    page.locator("#text").press_sequentially(" more")  # typed to nobody: the browser keeps it
    expect(page.locator("#kept")).to_contain_text("the server does not answer")
    page.close()
    server.start()

    resumed = visit("/")
    resumed.get_by_role("link", name=re.compile("Continue: Review, 1 of")).click()
    expect(resumed.locator("h1")).to_have_text(second)
    expect(resumed.locator("#text")).to_have_value(HALF)  # this browser is another one
    answer(resumed, HALF + " the variance grows.")
    resumed.wait_for_url("**/items/1")
    expect(resumed.locator(".given blockquote")).to_have_text(HALF + " the variance grows.")
    resumed.goto(server.url + "/practice/1/items/0")
    expect(resumed.get_by_text("Rated Hard, suggested Again")).to_be_visible()


def test_two_tabs_of_one_session_make_one_answer(visit: Visit, server: Server) -> None:
    page = visit("/practice")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/practice/1")
    other = page.context.new_page()
    other.goto(server.url + "/practice/1")
    answer(page, "From the first tab.")
    page.wait_for_url("**/items/0")
    answer(other, "From the second tab, which is longer.")
    expect(other.locator("h1")).to_have_text("This was answered in another tab")
    expect(other.locator("blockquote")).to_have_text("From the second tab, which is longer.")
    other.get_by_role("link", name="The question, with this text").click()
    expect(other.locator("#text")).to_have_value("From the second tab, which is longer.")
    expect(other.locator("#history li")).to_have_count(1)


def test_a_whole_mock_interview(visit: Visit, server: Server) -> None:
    page = visit("/practice")
    page.get_by_label("Mock interview").check()
    page.locator("[name=minutes]").select_option("20")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/practice/1")
    expect(page.locator("[data-clock]")).to_have_text(re.compile(r"^0:\d\d of 20 min$"))
    asked = []
    while page.locator("#text").count():
        asked.append(page.locator("h1").inner_text())
        assert len(asked) < 20, asked
        position = page.locator(".sitting .eyebrow").inner_text()
        answer(page, f"Answer number {len(asked)}, in a sentence.")
        expect(page.locator(".sitting .eyebrow").or_(page.get_by_text("Debrief"))).not_to_have_text(
            position
        )
    assert len(asked) == len(set(asked)) >= 3
    expect(page.locator("h1")).to_have_text("Debrief")
    expect(page.locator("ol.rows > li")).to_have_count(len(asked))
    expect(page.get_by_text("scenario")).to_have_count(1)
    # The candidate settles the first answer, and the debrief says what to study.
    page.locator("ol.rows a").first.click()
    for choice in page.locator(".points [value=missing]").all():
        choice.check(force=True)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**#points")
    page.get_by_role("button", name=re.compile("^Again")).click()
    page.wait_for_url("**/summary")
    expect(page.get_by_role("heading", name="What to study")).to_be_visible()
    expect(page.locator("ol.rows > li").first).to_contain_text("Again")
    # The opening is drawn by lot: what it left out is shown where a lab for it is built. One of
    # its points was asked once more in a follow-up, which is not marked.
    address = page.locator("a[href$='/explanation']").first.get_attribute("href") or ""
    opening = bank.load(ROOT / "questions", labs.check)[address.split("/")[2]]
    shown = [point for point in opening.points if point.lab and point.lab.name in labs.LABS]
    if len(shown) > 1:
        page.get_by_role("link", name="See it").first.click()
        lab = page.locator(".checks:visible, [data-skip]:visible")
        expect(lab.first).to_be_visible(timeout=20_000)
        if page.locator("[data-skip]").is_visible():  # the lab asks first what is expected
            page.locator("[data-skip]").click()
        expect(page.locator(".checks")).to_be_visible(timeout=20_000)


def test_a_talk_counts_down_section_by_section_and_goes_on_after_a_reload(visit: Visit) -> None:
    page = visit("/practice")
    page.get_by_role("button", name="Tell me about Transformers.").click()
    expect(page.get_by_role("button", name="Begin")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("[data-talk-clock]")).to_have_text(re.compile(r"1:\d\d left"))
    with page.expect_response("**/paces"):
        page.get_by_role("button", name="Next section").click()
    page.reload()
    expect(page.locator("[data-said]")).to_have_count(1)
    page.keyboard.press("n")
    expect(page.locator(".talk details[open]")).to_have_count(page.locator(".talk li").count())
    page.get_by_role("button", name="To the rubric").click()
    expect(page.get_by_text("Spoken.")).to_be_visible()
    expect(page.locator("#points fieldset").first).to_be_visible()


def test_practice_works_without_scripts(visit: Visit) -> None:
    page = visit("/practice", scripts=False)
    page.get_by_role("button", name="Start").click()
    page.locator("#text").fill("Without scripts.")
    page.get_by_role("button", name="Hint").click()
    expect(page.locator("#text")).to_have_value("Without scripts.")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name=re.compile("^Good")).click()
    expect(page.locator(".sitting .eyebrow")).to_contain_text("2 of")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Without scripts.")).to_be_visible()
