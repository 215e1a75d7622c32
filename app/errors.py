"""Every refusal as a sentence a person understands: JSON under /api, a page elsewhere."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

# Pydantic's error types in our words; `{field}` and the error's own context are at hand.
SENTENCES = {
    "missing": "“{field}” is missing.",
    "extra_forbidden": "“{field}” is not a field here.",
    "string_type": "“{field}” must be text.",
    "string_unicode": "“{field}” holds characters that are not valid Unicode.",
    "string_too_short": "“{field}” must not be empty.",
    "string_too_long": "“{field}” is too long: the limit is {max_length} characters.",
    "int_type": "“{field}” must be a whole number.",
    "int_parsing": "“{field}” must be a whole number.",
    "int_parsing_size": "“{field}” is too large a number.",
    "int_from_float": "“{field}” must be a whole number.",
    "float_parsing": "“{field}” must be a number.",
    "finite_number": "“{field}” must be a finite number.",
    "greater_than_equal": "“{field}” must be at least {ge}.",
    "less_than_equal": "“{field}” must be at most {le}.",
    "literal_error": "“{field}” must be one of {expected}.",
    "enum": "“{field}” must be one of {expected}.",
    "json_invalid": "The request is not valid JSON.",
    "model_attributes_type": "The request must be a JSON object with named fields.",
    "dict_type": "“{field}” must be a JSON object with named fields.",
    "list_type": "“{field}” must be a list.",
}
PLACES = {"body", "query", "path", "form"}


def sentence(errors: Sequence[Any]) -> str:
    """Pydantic's errors, first of all the first, as one sentence."""
    error = errors[0]
    path = [str(part) for part in error["loc"] if part not in PLACES]
    field = ".".join(path) or "the request"
    if error["type"] == "value_error":
        text = str(error["msg"]).removeprefix("Value error, ")
        text = text[0].upper() + text[1:] + "."
    elif template := SENTENCES.get(error["type"]):
        text = template.format(field=field, **error.get("ctx", {}))
    else:
        text = f"“{field}”: {error['msg']}."
    return re.sub(r"“the request”", "The request", text)


def respond(request: Request, status: int, detail: str, **context: Any) -> Response:
    """The refusal in the form that the request understands."""
    detail = detail.encode("utf-8", "replace").decode()  # it may quote half a surrogate pair
    if request.url.path.startswith("/api/") or "app" not in request.scope:
        return JSONResponse({"detail": detail}, status)
    response: Response = request.app.state.templates.TemplateResponse(
        request,
        "errors/error.html",
        {"status": status, "detail": detail, "phrase": HTTPStatus(status).phrase, **context},
        status_code=status,
    )
    return response


def install(app: FastAPI) -> None:
    """Make `app` answer every error in this way."""

    @app.exception_handler(RequestValidationError)
    async def unprocessable(request: Request, error: RequestValidationError) -> Response:
        return respond(request, 422, sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if error.status_code == 404 and detail == "Not Found":
            detail = "There is no page at this address."
        elif error.status_code == 405:
            detail = "This address does not take that kind of request."
        return respond(request, error.status_code, detail)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return respond(request, 500, "Something broke on our side. What you typed is kept.")
