"""Submit, see each verdict at its sentence, change one, have its wording used the next time.

The grader is the judge, asked of an endpoint that goes by a rule: deterministic, and whole.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app import bank, labs
from app.settings import ROOT
from tests import judges
from tests.browser.conftest import Server, Visit, serving

QUESTION = "/questions/cross-attention"
RUBRIC = bank.load(ROOT / "questions", labs.check)["cross-attention"]
FIRST, SECOND, THIRD, FOURTH = (point.id for point in RUBRIC.points[:4])
MADE = "The decoder asks & the <encoder> answers."
WRONG = "Masks hide the future there."
OWN = "It reads the source anew each time."
ANSWER = f"{MADE} {WRONG}\n{OWN}"


def rule(request: dict[str, Any]) -> Any:
    """The first point is made, the third contradicted; of the fourth the judge says nothing."""
    system, user = (message["content"] for message in request["messages"])
    asked = next(point for point in RUBRIC.points if point.text in user)
    states = "itself state the claim" in system
    if asked.id == FOURTH:
        return "I would rather not."
    for point, quote, stated in ((FIRST, MADE, True), (THIRD, WRONG, False)):
        if asked.id == point and states is stated and quote in user:
            return json.dumps({"answer": "yes", "quote": quote})
    return json.dumps({"answer": "no"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with judges.serving(judges.Model(rule)) as url:
        yield from serving(
            tmp_path_factory.mktemp("data"),
            ATTEND_GRADER="judge",
            ATTEND_JUDGE_URL=url,
            ATTEND_JUDGE_MODEL="rule",
        )


def submit(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/answers/*")


def point(page: Page, name: str) -> Any:
    return page.locator(f"#point-{name}")


def forget(page: Page) -> None:
    """Let go, on the question's page, of the one wording that was remembered."""
    page.get_by_role("link", name=re.compile("theory", re.IGNORECASE)).click()
    page.locator("#wordings summary").click()
    expect(page.locator("#wordings")).to_contain_text(OWN)
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#wordings")).to_have_count(0)


def test_verdicts_stand_at_their_sentences_and_a_wording_is_used_again(
    visit: Visit, server: Server
) -> None:
    page = visit(QUESTION)
    submit(page, ANSWER)
    assert page.locator("blockquote").evaluate("e => e.textContent") == ANSWER
    expect(page.locator(f"#quote-{FIRST}")).to_have_text(MADE)
    expect(page.locator(f"#quote-{THIRD}")).to_have_text(WRONG)
    expect(point(page, THIRD)).to_contain_text("This reads as the opposite of the point.")
    expect(page.locator(".regrade")).to_contain_text("did not answer for 1 of")

    page.locator(f"#quote-{FIRST}").hover()
    expect(point(page, FIRST)).to_have_class("lit")
    expect(page.locator("mark.lit")).to_have_text([MADE])
    point(page, THIRD).hover()
    expect(page.locator("mark.lit")).to_have_text([WRONG])
    expect(point(page, FIRST)).not_to_have_class("lit")
    page.locator(f"#quote-{FIRST}").click()
    page.wait_for_url(f"**#point-{FIRST}")
    point(page, THIRD).get_by_role("link").click()
    page.wait_for_url(f"**#quote-{THIRD}")

    # The judge said nothing of one point: one tap settles it.
    point(page, FOURTH).get_by_role("button", name="missing").click()
    expect(point(page, FOURTH)).to_contain_text("You: missing.")
    # It left one out: the candidate disagrees, by keyboard, and shows where.
    change = point(page, SECOND).locator("summary")
    change.focus()
    page.keyboard.press("Enter")
    point(page, SECOND).locator('[value="made"]').check(force=True)
    page.keyboard.press("Control+Enter")
    expect(point(page, SECOND)).to_contain_text("You: made. The judge (rule): missing.")
    point(page, SECOND).locator("select").select_option(OWN)
    point(page, SECOND).get_by_role("button", name="Remember it as made").click()
    expect(point(page, SECOND)).to_contain_text(f"Remembered: “{OWN}”")
    expect(page.locator(f"#quote-{SECOND}")).to_have_text(OWN)

    page.goto(server.url + QUESTION)
    expect(page.locator("#text")).to_have_value("")
    submit(page, "Hm. it reads the source anew, each time!")
    expect(point(page, SECOND)).to_have_attribute("data-verdict", "made")
    expect(point(page, SECOND)).to_contain_text("A wording that you had accepted")
    forget(page)


def test_verdicts_are_settled_and_remembered_without_javascript(visit: Visit) -> None:
    page = visit(QUESTION, scripts=False)
    submit(page, ANSWER)
    page.locator(".note-number").first.click()
    assert page.url.endswith(f"#point-{FIRST}")
    point(page, FOURTH).get_by_role("button", name="made").click()
    point(page, FOURTH).locator("select").select_option(OWN)
    point(page, FOURTH).get_by_role("button", name="Remember it as made").click()
    expect(point(page, FOURTH)).to_contain_text("Remembered")
    forget(page)


def test_enter_in_the_form_saves_and_settles_nothing_by_itself(visit: Visit) -> None:
    page = visit(QUESTION)
    submit(page, ANSWER)
    point(page, THIRD).locator("summary").click()
    point(page, THIRD).locator('[value="missing"]').check(force=True)
    page.keyboard.press("Enter")
    expect(point(page, THIRD)).to_have_attribute("data-verdict", "missing")
    expect(point(page, FOURTH)).to_have_attribute("data-verdict", "unsure")
