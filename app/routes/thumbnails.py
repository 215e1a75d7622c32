"""The labs' small pictures, one address each, which changes with the code."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.routes.assets import FOREVER
from app.routes.depends import LabDep
from app.routes.labs import run
from app.thumbnails import Thumbnails

router = APIRouter()


@router.get("/labs/{name}/thumbnail.svg", include_in_schema=False)
async def show(request: Request, lab: LabDep) -> Response:
    """Drawn now if it never was, one after another, so that a reader's own run finds room."""
    thumbnails: Thumbnails = request.app.state.thumbnails
    drawn = thumbnails.find(lab)
    if drawn is None:
        async with request.app.state.thumbnail_limiter:
            drawn = thumbnails.find(lab) or thumbnails.keep(
                lab, await run(request, lab, lab.params())
            )
    return Response(drawn, media_type="image/svg+xml", headers=FOREVER)
