"""The labs' one route: page, fragment and JSON, and what it says to bad parameters."""

import csv
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from app import predictions
from app.labs import LABS
from app.labs.illustration import Prediction
from app.tables import LOCAL_LEARNER

pytestmark = pytest.mark.anyio

LAB = "/labs/cross-attention"


async def test_the_list_names_claim_questions_and_schema(client: httpx.AsyncClient) -> None:
    labs = {lab["name"]: lab for lab in (await client.get("/api/labs")).json()}
    assert labs["self-attention"]["questions"] == ["why-scale", "what-is-a-mask"]
    assert labs["cross-attention"]["claim"]
    assert "sentence" in labs["cross-attention"]["schema"]["properties"]


async def test_a_run_is_given_whole(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"/api{LAB}?layer=1&head=2")).json()
    assert set(answer) == {
        "name",
        "params",
        "figures",
        "reading",
        "checks",
        "table",
        "notes",
        "data",
    }
    assert answer["params"]["layer"] == "1"
    assert set(answer["checks"][0]) == {"claim", "measured", "holds"}
    rows = answer["figures"][0]["data"][0]["z"]
    assert len(rows) == len(answer["table"]["rows"])
    assert all(abs(sum(row) - 1) < 0.01 for row in rows)


async def test_the_numbers_come_as_csv(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/api{LAB}/table.csv?head=2")
    assert response.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(response.text.splitlines()))
    table = (await client.get(f"/api{LAB}?head=2")).json()["table"]
    assert rows[0] == table["columns"]
    assert [row[0] for row in rows[1:]] == [row[0] for row in table["rows"]]
    assert (await client.get(f"/api{LAB}/table.csv?layer=9")).status_code == 422


async def test_the_page_holds_the_table_and_the_source(client: httpx.AsyncClient) -> None:
    page = (await client.get(f"{LAB}?sentence=the+red+car")).text
    assert "The numbers as a table" in page
    assert "scaled_dot_product_attention" in page
    assert 'value="the red car"' in page


async def test_the_fragment_is_the_lab_alone(client: httpx.AsyncClient) -> None:
    response = await client.get(LAB, headers={"Fragment": "lab"})
    assert "<html" not in response.text
    assert "data-output" in response.text
    assert response.headers["Vary"] == "Fragment" or "Fragment" in response.headers["Vary"]


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("layer=9", "layer"),
        ("head=x", "head"),
        ("colour=red", "colour"),
        ("sentence=", "sentence"),
        ("sentence=" + "a" * 301, "300"),
        ("sentence=...", "0 tokens"),
        ("sentence=" + "the+red+car+" * 24, "tokens"),
    ],
)
async def test_a_bad_parameter_is_refused_with_a_sentence(
    client: httpx.AsyncClient, query: str, part: str
) -> None:
    for address in (LAB, f"/api{LAB}"):
        response = await client.get(f"{address}?{query}")
        assert response.status_code == 422, address
        assert part in response.text, address


async def test_what_is_typed_into_a_lab_is_text(client: httpx.AsyncClient) -> None:
    page = (await client.get(LAB, params={"sentence": "</script><script>alert(1)</script>"})).text
    assert "<script>alert" not in page


async def test_an_unknown_lab_is_a_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/labs/phrenology")).status_code == 404
    assert (await client.get("/api/labs/phrenology")).json()["detail"].endswith(".")


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the lab ask something; the run bears out the second choice if the encoder is on."""
    module = LABS["cross-attention"].module
    compute = module.illustrate

    def illustrate(params: Any, models: Any) -> Any:
        return replace(compute(params, models), outcome=1 if params.encoder == "on" else 0)

    monkeypatch.setattr(module, "PREDICT", Prediction("Sharp?", ("No.", "Yes.")), raising=False)
    monkeypatch.setattr(module, "illustrate", illustrate)


@pytest.mark.usefixtures("asking")
async def test_a_prediction_is_kept_with_the_outcome_of_its_own_run(
    client: httpx.AsyncClient, session: Session
) -> None:
    assert "Sharp?" in (await client.get(LAB)).text
    for encoder, right in (("on", True), ("off", False)):
        form = {"choice": 1, "params": {"encoder": encoder}}
        response = await client.post(f"/api{LAB}/predictions", json=form)
        assert response.status_code == 201
        assert response.json()["right"] is right
    kept = predictions.of(session, LOCAL_LEARNER)
    assert [(row.choice, row.outcome) for row in kept] == [(1, 0), (1, 1)]
    assert "encoder=off" in kept[0].address


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize(
    "form", [{"choice": 2}, {"choice": -1}, {}, {"choice": 0, "params": {"layer": 9}}]
)
async def test_a_prediction_that_fits_nothing_is_refused(
    client: httpx.AsyncClient, session: Session, form: dict[str, Any]
) -> None:
    response = await client.post(f"/api{LAB}/predictions", json=form)
    assert response.status_code == 422
    assert predictions.of(session, LOCAL_LEARNER) == []


async def test_a_run_that_asks_nothing_takes_no_prediction(client: httpx.AsyncClient) -> None:
    response = await client.post(f"/api{LAB}/predictions", json={"choice": 0})
    assert response.status_code == 422
