"""What the server offers: OpenAPI 3.1 for programs, and a page for people."""

from html import escape
from importlib.metadata import version
from typing import Any, Final

from leadline.apps.web.serve.fields import MONO_FIELDS, STEREO_FIELDS, Field
from leadline.apps.web.serve.work import FILES

CONTENT_TYPES: Final = {
    ".pfm": "application/octet-stream",
    ".png": "image/png",
    ".ply": "application/octet-stream",
    ".glb": "model/gltf-binary",
    ".json": "application/json",
}
_REASONS: Final = {
    "401": "Token missing or wrong",
    "408": "The request did not come in time",
    "413": "Too many bytes or pixels",
    "415": "Not a multipart form",
    "422": "Unusable images, calibration or fields; the error says what was expected, what came, and how to mend it",
    "429": "Too many requests wait",
    "503": "Stopping, or not ready in time",
}
_ROUTES: Final = {
    "stereo": ("Disparity, depth and confidence of a stereo pair", STEREO_FIELDS),
    "mono": ("Depth of a single image", MONO_FIELDS),
}


def openapi() -> dict[str, Any]:
    """The routes, as OpenAPI 3.1 describes them."""
    paths: dict[str, Any] = {f"/{kind}": {"post": _operation(kind)} for kind in _ROUTES}
    for path, about, content in (
        ("/health", "Whether requests are taken", "application/json"),
        ("/metrics", "Counts, for Prometheus", "text/plain"),
        ("/openapi.json", "This document", "application/json"),
    ):
        paths[path] = {
            "get": {"summary": about, "responses": {"200": {"description": about, "content": {content: {}}}}}
        }
    paths["/health"]["get"]["responses"]["503"] = {"description": _REASONS["503"]}
    schemes = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "leadline", "version": version("leadline"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"securitySchemes": schemes},
        "security": [{}, {"token": []}],
    }


def _operation(kind: str) -> dict[str, Any]:
    about, fields = _ROUTES[kind]
    form = {
        "type": "object",
        "properties": {field.name: _schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }
    files = [*FILES[kind], "all"]
    error = {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}}}
    content = {each: {} for each in (*CONTENT_TYPES.values(), "application/zip")}
    return {
        "summary": about,
        "parameters": [
            {
                "name": "file",
                "in": "query",
                "description": "File of the result that answers; all of them in a ZIP as `all`",
                "schema": {"type": "string", "enum": files, "default": "summary.json"},
            }
        ],
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {
            "200": {"description": "The file", "content": content},
            **{status: {"description": reason, "content": error} for status, reason in _REASONS.items()},
        },
    }


def _schema(field: Field) -> dict[str, Any]:
    if field.type == "file":
        return {"type": "string", "contentMediaType": "application/octet-stream", "description": field.about}
    schema: dict[str, Any] = {"type": field.type, "description": field.about}
    return {**schema, "enum": list(field.choices)} if field.choices else schema


def index_page() -> str:
    """A page that lists the routes and their fields, without anything from elsewhere."""
    parts = [
        f"<h2><code>POST /{kind}</code></h2><p>{escape(about)}. <code>?file=</code> names the file that answers: "
        f"{', '.join(f'<code>{name}</code>' for name in (*FILES[kind], 'all'))}.</p>{_table(fields)}"
        for kind, (about, fields) in _ROUTES.items()
    ]
    others = (
        "<h2>Others</h2><ul><li><code>WS /stream</code>: pairs one after the other</li><li><a href='/health'>/health"
        "</a></li><li><a href='/metrics'>/metrics</a></li><li><a href='/openapi.json'>/openapi.json</a></li></ul>"
    )
    style = (
        ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
        "padding:0 1rem}"
        "table{border-collapse:collapse}td,th{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top}"
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>leadline</title><style>{style}</style><h1>leadline {escape(version('leadline'))}</h1>"
        f"{''.join(parts)}{others}</html>"
    )


def _table(fields: tuple[Field, ...]) -> str:
    rows = "".join(
        f"<tr><td><code>{field.name}</code></td><td>{field.type}</td><td>{escape(field.about)}"
        f"{' (needed)' if field.required else ''}</td></tr>"
        for field in fields
    )
    return f"<table><tr><th>field</th><th>type</th><th>meaning</th></tr>{rows}</table>"
