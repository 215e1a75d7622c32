"""Runs that stream, and the line of those that wait."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from time import perf_counter
from typing import Any

from anyio import create_task_group, from_thread, sleep, to_thread
from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from app.events import Events, Tell
from app.labs.illustration import Frame, Illustration, Lab, LabParams, UnfitInput
from app.routes.depends import LabDep
from app.routes.labs import address, describe, validate
from app.runs import Run, Runs

router = APIRouter()

SECONDS = 60  # of computing; the longest that a run may stream
SOON = 0.1  # seconds before a run that waits is told so
OFTEN = 0.1  # seconds between two words on how far it is
ENDS = {
    "finished": "All {done} steps are done, in {seconds:.1f} s.",
    "time": "Stopped after {seconds:.0f} s, the longest that a run may take: {done} of {total} "
    "steps.",
}
Show = Callable[[Illustration], dict[str, Any]]


@router.get("/api/runs", tags=["labs"])
def list_runs(request: Request) -> dict[str, Any]:
    """The runs that compute and those that wait, in their order. A request that names itself in
    the header `Run` finds itself here."""
    runs: Runs = request.app.state.runs
    told = [(run, runs.wait(run)) for run in runs.line]
    return {
        "at_once": runs.at_once,
        "computing": [{"run": run.ident, "lab": run.lab} for run, wait in told if wait is None],
        "waiting": [
            {
                "run": run.ident,
                "lab": run.lab,
                "before": wait.before,
                "seconds": round(wait.seconds, 1),
                "says": wait.says,
            }
            for run, wait in told
            if wait is not None
        ],
    }


@router.get("/api/labs/{name}/run", tags=["labs"])
async def stream_run(request: Request, lab: LabDep) -> Response:
    """The whole run of a lab that streams, its parameters in the query, as server-sent events:
    `waiting` {before, seconds, says}, `progress` {done, total, says}, `illustration` (the run so
    far, in the form of a lab's answer), `done` {reason, says} or `fault` {detail}. Closing the
    connection stops it."""
    return start(request, lab, describe)


@router.get("/labs/{name}/run", include_in_schema=False)
async def stream_to_page(request: Request, lab: LabDep) -> Response:
    """The same for the lab's page: each illustration as the HTML that stands there."""
    template = request.app.state.templates.get_template("labs/_run.html")
    given = dict(request.query_params)
    here = f"/labs/{lab.name}?{request.url.query}"

    def write(illustration: Illustration) -> dict[str, Any]:
        context = {"lab": lab, "given": given, "here": here, "streamed": True}
        return {"html": template.render(context, illustration=illustration)}

    return start(request, lab, write)


def start(request: Request, lab: Lab, show: Show) -> Events:
    """The events of a run. HTTPException for a lab or for parameters that give none."""
    if lab.train is None:
        raise HTTPException(404, "This lab does not stream: its run is given whole.")
    params = validate(lab, dict(request.query_params))
    run = Run(lab.name, long=True, ident=request.headers.get("run", "")[:64])
    return Events(partial(produce, request.app.state, lab, params, run, show))


async def produce(
    state: Any, lab: Lab, params: LabParams, run: Run, show: Show, tell: Tell
) -> None:
    """Wait in line, with a word of how long, then tell the run from a worker thread."""
    runs: Runs = state.runs

    async def tell_wait() -> None:
        await sleep(SOON)
        while wait := runs.wait(run):
            await tell("waiting", vars(wait) | {"says": wait.says})
            await sleep(1)

    def tell_from_thread(name: str, data: dict[str, Any]) -> None:
        from_thread.run(tell, name, data)

    async with create_task_group() as group:
        group.start_soon(tell_wait)
        async with runs.seat(run):
            compute = partial(pump, state, lab, params, run, show, tell_from_thread)
            await to_thread.run_sync(compute, limiter=runs.threads)
        group.cancel_scope.cancel()


def pump(
    state: Any,
    lab: Lab,
    params: LabParams,
    run: Run,
    show: Show,
    tell: Callable[[str, dict[str, Any]], None],
) -> None:
    """Compute, on a worker thread, from the first frame to the last or to the end of the time. That
    the client has gone is noticed between two frames."""
    assert lab.train is not None
    began, told = perf_counter(), -OFTEN
    frame, reason = Frame(0, 1, ""), "finished"
    try:
        with closing(lab.train(params, state.models)) as frames:
            for frame in frames:
                from_thread.check_cancelled()
                seconds = perf_counter() - began
                run.share = frame.done / frame.total
                if frame.illustration or seconds - told > OFTEN:
                    told = seconds
                    said = {"done": frame.done, "total": frame.total, "says": frame.says}
                    tell("progress", said)
                if frame.illustration:
                    tell("illustration", show(frame.illustration))
                if seconds > SECONDS and frame.done < frame.total:
                    reason = "time"
                    break
    except UnfitInput as error:
        tell("fault", {"detail": str(error)})
        return
    except Exception:
        tell("fault", {"detail": "Something broke on our side. Your settings are still here."})
        raise
    if reason == "finished" and frame.illustration and frame.illustration.outcome is not None:
        state.runs.keep_outcome(address(lab.name, params.model_dump()), frame.illustration.outcome)
    seconds = perf_counter() - began
    says = ENDS[reason].format(seconds=seconds, done=frame.done, total=frame.total)
    tell("done", {"reason": reason, "says": says})
