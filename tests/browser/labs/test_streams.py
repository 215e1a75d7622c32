"""A lab that trains, in a real browser: its progress is seen, its pictures change, it can be
stopped, and a prediction is told once the run has ended."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, Visit

LAB = "/labs/against-rnn"


def opened(page: Page) -> None:
    """The question is skipped, the run's beginning drawn."""
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("[data-plot=drawn]").first).to_be_visible(timeout=20_000)


def idle(server: Server) -> bool:
    line = httpx.get(f"{server.url}/api/runs").json()
    return not line["computing"] and not line["waiting"]


def test_a_run_is_watched_and_stopped(visit: Visit, server: Server) -> None:
    page = visit(f"{LAB}?steps=400&longest=128")
    opened(page)
    canvas = page.locator("[data-plot] > div").first.element_handle()
    page.get_by_role("button", name="Train").click()
    said = page.locator("[data-run] output")
    expect(page.locator(".reading")).to_contain_text(re.compile("After (25|50)"), timeout=60_000)
    expect(said).to_have_text(re.compile(r"Step \d+ of 400: loss of the LSTM"))
    assert page.locator("progress").evaluate("bar => bar.position") > 0
    assert canvas is not None
    assert canvas.evaluate("canvas => canvas.isConnected")  # redrawn, not replaced
    page.get_by_role("button", name="Stop").click()
    expect(said).to_have_text(re.compile(r"Stopped at step \d+ of 400\."))
    reading = page.locator(".reading").text_content()
    page.wait_for_timeout(500)
    assert page.locator(".reading").text_content() == reading
    assert idle(server)


def test_a_run_comes_to_its_end_and_tells_the_prediction(visit: Visit) -> None:
    page = visit(f"{LAB}?steps=25&longest=16")
    page.locator(".predict input").first.check()
    page.get_by_role("button", name="Look").click()
    expect(page.locator("[data-run] output")).to_have_text(
        re.compile(r"All 25 steps are done"), timeout=60_000
    )
    expect(page.locator(".predict output")).to_have_text(re.compile("As you expected|otherwise"))
    expect(page.locator(".checks li")).to_have_count(4)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_a_control_that_is_turned_ends_the_run(visit: Visit, server: Server) -> None:
    page = visit(f"{LAB}?steps=400&longest=128")
    opened(page)
    page.get_by_role("button", name="Train").click()
    expect(page.locator("[data-run] output")).to_contain_text("Step", timeout=60_000)
    page.locator("[name=pairs]").select_option("1")
    expect(page.locator("[data-run]")).to_be_hidden()
    expect(page.locator("[data-output]")).to_have_attribute("aria-busy", "false", timeout=20_000)
    expect(page.locator(".reading")).to_contain_text("After 5 of 400")
    assert "pairs=1" in page.url


def test_what_does_not_fit_is_said(visit: Visit) -> None:
    page = visit(f"{LAB}?steps=25")
    opened(page)
    page.locator("form.controls").evaluate("form => { form.noValidate = true; }")
    page.locator("[name=steps]").evaluate("field => { field.value = 9999; }")
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_role("alert")).to_contain_text("400", timeout=20_000)


@pytest.mark.parametrize("lab", ["training-run", "against-rnn"])
def test_without_javascript_the_beginning_is_seen_and_a_sentence_says_so(
    visit: Visit, lab: str
) -> None:
    page = visit(f"/labs/{lab}", scripts=False)
    expect(page.locator("noscript .note, .note").first).to_contain_text("how the run begins")
    expect(page.locator(".reading")).to_contain_text("of")
