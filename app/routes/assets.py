"""CSS, JavaScript, the maths font and Plotly.js, each under an address that changes with it."""

from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, Response

router = APIRouter()
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/assets/{digest}/{path:path}", include_in_schema=False)
def serve(request: Request, digest: str, path: str) -> Response:
    asset = request.app.state.assets.find(digest, path)
    if asset is None:
        raise HTTPException(404, "There is no such file.")
    if isinstance(asset.content, Path):
        # Sent as it is: compressing five megabytes costs more than sending them to oneself.
        headers = FOREVER | {"Content-Encoding": "identity"}
        return FileResponse(asset.content, media_type=asset.media_type, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=FOREVER)
