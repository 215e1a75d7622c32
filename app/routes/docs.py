"""The JSON API described on a page of our own: FastAPI's would load its scripts from elsewhere."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.routes.depends import page

router = APIRouter()
NULL = {"type": "null"}


@router.get("/docs", include_in_schema=False)
def show(request: Request) -> Response:
    described = request.app.openapi()
    schemas = described.get("components", {}).get("schemas", {})
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "says": operation.get("description") or operation["summary"],
            "parameters": [_parameter(given, schemas) for given in operation.get("parameters", ())],
            "fields": _fields(operation.get("requestBody"), schemas),
        }
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return page(request, "docs/show.html", operations=operations)


def _parameter(given: dict[str, Any], schemas: dict[str, Any]) -> dict[str, str]:
    return {
        "name": given["name"],
        "place": given["in"],
        "type": _type(given["schema"], schemas),
        "needed": "required" if given.get("required") else "optional",
    }


def _fields(body: dict[str, Any] | None, schemas: dict[str, Any]) -> list[dict[str, str]]:
    """The fields of a JSON body."""
    if body is None:
        return []
    schema = _resolve(body["content"]["application/json"]["schema"], schemas)
    needed = schema.get("required", ())
    return [
        {
            "name": name,
            "place": "body",
            "type": _type(field, schemas),
            "needed": "required" if name in needed else "optional",
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _resolve(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return schemas[reference.rsplit("/", 1)[1]] if reference else schema


def _type(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A schema in a few words: `text`, `integer, at least 0`, `sure | fairly | guess`."""
    schema = _resolve(schema, schemas)
    if choices := schema.get("anyOf"):
        return " or ".join(_type(choice, schemas) for choice in choices if choice != NULL)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    words = [{"string": "text"}.get(schema.get("type", ""), schema.get("type", "any"))]
    if isinstance(inside := schema.get("additionalProperties"), dict):
        words = [f"object of {_type(inside, schemas)}"]
    for key, phrase in (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "up to")):
        if key in schema:
            words.append(f"{phrase} {schema[key]:,}")
    return ", ".join(words)
