"""The labs' pages and their JSON: one route serves them all."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from app import predictions
from app.db import SessionDep
from app.errors import sentence
from app.labs import LABS
from app.labs.illustration import Illustration, Lab, LabParams, Prediction, UnfitInput
from app.question import TOPICS
from app.routes.depends import BankDep, LabDep, LearnerDep, page
from app.runs import Run, Runs

router = APIRouter()

PATIENCE = 1.0  # seconds that a page waits for its picture before it comes without


@router.get("/labs", include_in_schema=False)
def index(request: Request, bank: BankDep) -> Response:
    serving = {name: bank.serving(name) for name in LABS}
    topics = {
        name: Counter(question.topic for question in questions).most_common(1)
        for name, questions in serving.items()
    }
    by_topic = {
        topic: [lab for name, lab in LABS.items() if topics[name] and topics[name][0][0] == topic]
        for topic in TOPICS
    }
    thumbnails = request.app.state.thumbnails
    return page(
        request, "labs/index.html", by_topic=by_topic, serving=serving, thumbnails=thumbnails
    )


@router.get("/labs/{name}", include_in_schema=False)
async def show(request: Request, lab: LabDep, bank: BankDep) -> Response:
    """The page; with the header `Fragment: lab` the part of it that other pages hold."""
    given = dict(request.query_params)
    fragment = request.headers.get("fragment") == "lab"
    fault = illustration = waits = None
    try:
        params = lab.params.model_validate(given)
        given = params.model_dump()
        wait = request.app.state.runs.wait(Run(lab.name))
        if wait and wait.seconds > PATIENCE and not fragment:
            waits = wait.says  # the page comes without its picture, which the script asks for
        else:
            illustration = await run(request, lab, params)
    except ValidationError as error:
        fault = sentence(error.errors())
    except UnfitInput as error:
        fault = str(error)
    # The controls that are folded away until one of them is turned.
    aside = [item for item in lab.schema["properties"].items() if item[1].get("aside")]
    response = page(
        request,
        "labs/_lab.html" if fragment else "labs/show.html",
        status_code=422 if fault else 200,
        lab=lab,
        given=given,
        aside=aside,
        turned=any(given.get(name, field["default"]) != field["default"] for name, field in aside),
        fault=fault,
        waits=waits,
        illustration=illustration,
        questions=bank.serving(lab.name),
        here=address(lab.name, given),
    )
    response.headers["Vary"] = "Fragment"
    return response


@router.get("/api/labs", tags=["labs"])
def list_labs(bank: BankDep) -> list[dict[str, Any]]:
    """Every lab: the claim it tests, the questions it serves, the schema of its parameters."""
    return [
        {
            "name": lab.name,
            "title": lab.title,
            "claim": lab.claim,
            "questions": [question.slug for question in bank.serving(lab.name)],
            "schema": lab.schema,
            "streams": lab.train is not None,
        }
        for lab in LABS.values()
    ]


@router.get("/api/labs/{name}", tags=["labs"])
async def run_lab(request: Request, lab: LabDep) -> dict[str, Any]:
    """One run of a lab, its parameters in the query; of a lab that streams, the run's beginning.
    Where other labs compute it waits its turn: name it in the header `Run`, and `GET /api/runs`
    says how long."""
    illustration, params = await _run_or_refuse(request, lab, dict(request.query_params))
    return {"name": lab.name, "params": params.model_dump()} | describe(illustration)


def describe(illustration: Illustration) -> dict[str, Any]:
    """An illustration as JSON."""
    return {
        "figures": [json.loads(figure.to_json()) for figure in illustration.figures],
        "reading": illustration.reading,
        "checks": [vars(check) for check in illustration.checks],
        "table": vars(illustration.table),
        "notes": illustration.notes,
        "data": illustration.data,
    }


class PredictionForm(BaseModel):
    """What is expected of a run: the parameters of the run, and the number of a choice."""

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = {}
    choice: int = Field(ge=0, le=3)


@router.post("/api/labs/{name}/predictions", status_code=201, tags=["labs"])
async def predict(
    request: Request, lab: LabDep, form: PredictionForm, session: SessionDep, learner: LearnerDep
) -> dict[str, Any]:
    """Keep a prediction. The outcome is the lab's own: the run is computed here, or was streamed
    to its end from here."""
    asked, address_of_run, outcome = await _outcome(request, lab, form.params)
    if form.choice >= len(asked.choices):
        raise HTTPException(422, f"There are {len(asked.choices)} choices, numbered from 0.")
    kept = predictions.predict(
        session,
        learner,
        lab.name,
        address_of_run,
        form.choice,
        outcome,
    )
    return {
        "choice": kept.choice,
        "outcome": kept.outcome,
        "right": kept.choice == kept.outcome,
        "says": asked.choices[kept.outcome],
    }


async def _outcome(
    request: Request, lab: Lab, given: Mapping[str, Any]
) -> tuple[Prediction, str, int]:
    """What the lab asks, the address of the run, and the choice that the run bore out: computed
    here, or kept from a run that was streamed to its end."""
    if lab.train is None:
        illustration, params = await _run_or_refuse(request, lab, given)
        here, outcome = address(lab.name, params.model_dump()), illustration.outcome
    else:
        here = address(lab.name, validate(lab, given).model_dump())
        outcome = request.app.state.runs.outcomes.get(here)
        if outcome is None:
            raise HTTPException(422, "This run has not come to its end: it is not known yet.")
    if lab.prediction is None or outcome is None:
        raise HTTPException(422, "This run asks for no prediction.")
    return lab.prediction, here, outcome


@router.get("/api/labs/{name}/table.csv", tags=["labs"])
async def run_lab_as_csv(request: Request, lab: LabDep) -> Response:
    """The numbers of one run, its parameters in the query, as CSV."""
    illustration, _ = await _run_or_refuse(request, lab, dict(request.query_params))
    table = illustration.table
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    headers = {"Content-Disposition": f'attachment; filename="{lab.name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _run_or_refuse(
    request: Request, lab: Lab, given: Mapping[str, Any]
) -> tuple[Illustration, LabParams]:
    params = validate(lab, given)
    try:
        return await run(request, lab, params), params
    except UnfitInput as error:
        raise HTTPException(422, str(error)) from error


def validate(lab: Lab, given: Mapping[str, Any]) -> LabParams:
    """The lab's parameters. HTTPException with a sentence for what it does not take."""
    try:
        return lab.params.model_validate(given)
    except ValidationError as error:
        raise HTTPException(422, sentence(error.errors())) from error


async def run(request: Request, lab: Lab, params: LabParams) -> Illustration:
    """Compute on a worker thread, of which there are a bounded number; the others wait. Nothing is
    computed for who has gone meanwhile."""
    runs: Runs = request.app.state.runs
    compute = partial(lab.illustrate, params, request.app.state.models)
    async with runs.seat(Run(lab.name, ident=request.headers.get("run", "")[:64])):
        if await request.is_disconnected():
            raise HTTPException(499, "The request was given up.")
        return await to_thread.run_sync(compute, limiter=runs.threads)


def address(name: str, params: Mapping[str, Any]) -> str:
    """A lab's page with these parameters: the URL is its whole state."""
    return f"/labs/{name}" + (f"?{urlencode(params)}" if params else "")
