"""Figures of the progress page: drawn when they come into view, readable without scripts."""

from datetime import UTC, datetime

from playwright.sync_api import expect
from sqlmodel import Session

from app import bank, db, labs
from app.settings import ROOT
from app.tables import LOCAL_LEARNER, Learner
from bench.history import simulate
from tests.browser.conftest import Server, Visit


def practise(server: Server) -> None:
    engine = db.connect(f"sqlite:///{server.data / 'attend.db'}")
    questions = bank.load(ROOT / "questions", labs.check)
    with Session(engine) as session:
        learner = session.get_one(Learner, LOCAL_LEARNER)
        simulate(session, learner, questions, until=datetime.now(UTC), answers=60, days=20)
    engine.dispose()


def test_a_figure_is_drawn_when_it_comes_into_view(server: Server, visit: Visit) -> None:
    practise(server)
    page = visit("/progress", viewport={"width": 390, "height": 800})
    expect(page.locator("#readiness [data-plot=drawn] .main-svg").first).to_be_visible()
    last = page.locator("#predictions figure")
    assert last.get_attribute("data-plot") is None
    last.scroll_into_view_if_needed()
    expect(page.locator("#predictions [data-plot=drawn] .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    plain = visit("/progress", scripts=False)
    expect(plain.locator("#readiness h3")).to_be_visible()
    expect(plain.locator("#readiness figure")).to_be_hidden()
    plain.locator("#readiness summary").click()
    expect(plain.locator("#readiness td").first).to_be_visible()
