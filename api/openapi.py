"""The OpenAPI 3.1 document, made of the routes and of what each says of itself."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.urls import URLPattern
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

import acton_hub
from api.answers import ErrorAnswer
from api.operations import JSON, PAGE, Operation, Query, is_list

_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
REF = "#/components/schemas/{model}"
SCHEMAS = {"int": {"type": "integer", "minimum": 0}, "str": {"type": "string", "minLength": 1}}
AUTHORIZATION = "User <user secret>, Organization <organization secret>[, Element <instance token>]"


def document(patterns: Iterable[URLPattern], server: str) -> dict[str, Any]:
    """The document of these routes, served at `server` (a URL without slash at its end)."""
    described = [(pattern, operations) for pattern in patterns if (operations := _operations(pattern))]
    adapters = {
        ("answer", id(operation)): TypeAdapter(operation.answer if operation.answer is not None else dict[str, Any])
        for _, operations in described
        for operation in operations.values()
    }
    adapters |= {
        ("body", id(operation)): TypeAdapter(operation.body)
        for _, operations in described
        for operation in operations.values()
        if operation.body
    }
    adapters["error", 0] = TypeAdapter(ErrorAnswer)
    refs, components = TypeAdapter.json_schemas(
        [(key, "validation", adapter) for key, adapter in adapters.items()], ref_template=REF
    )
    schemas = {key: schema for (key, _), schema in refs.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Acton Hub",
            "version": acton_hub.__version__,
            "description": "The Cloud Elements platform API for the Act-On element; served below the root, too.",
        },
        "servers": [{"url": f"{server}/elements/api-v2"}, {"url": server or "/"}],
        "security": [{"platform": []}],
        "paths": {
            _path(pattern): {
                method.lower(): _operation(pattern, operation, schemas) for method, operation in operations.items()
            }
            for pattern, operations in described
        },
        "components": {
            "schemas": components.get("$defs", {}),
            "securitySchemes": {
                "platform": {"type": "apiKey", "in": "header", "name": "Authorization", "description": AUTHORIZATION}
            },
        },
    }


def _operations(pattern: URLPattern) -> dict[str, Operation]:
    found: dict[str, Operation] = getattr(pattern.callback, "operations", {})
    return found


def _path(pattern: URLPattern) -> str:
    return "/" + _PARAMETER.sub(r"{\2}", str(pattern.pattern))


def _operation(pattern: URLPattern, operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    captured = _PARAMETER.findall(str(pattern.pattern))
    shown: dict[str, Any] = {
        "summary": operation.summary,
        "tags": [operation.view.__module__.rpartition(".")[2]],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": SCHEMAS[kind or "str"]} for kind, name in captured
        ]
        + (_query_parameters(operation.query) if operation.query else []),
        "responses": _responses(operation, bool(captured), schemas),
    }
    if operation.public:
        shown["security"] = []
    if operation.body:
        content = {JSON: {"schema": schemas["body", id(operation)]}}
        shown["requestBody"] = {"required": operation.body_required, "content": content}
    elif operation.accepts != (JSON,):
        shown["requestBody"] = {"content": {kind: {"schema": {"type": "object"}} for kind in operation.accepts}}
    return shown


def _query_parameters(query: type[Query]) -> list[dict[str, Any]]:
    schema = query.model_json_schema(ref_template=REF)
    return [
        _query_parameter(field.alias or name, field, schema["properties"][field.alias or name])
        for name, field in query.model_fields.items()
    ]


def _query_parameter(name: str, field: FieldInfo, schema: dict[str, Any]) -> dict[str, Any]:
    several = is_list(field.annotation)
    shown = {key: value for key, value in schema.items() if key not in ("title", "default", "description")}
    parameter: dict[str, Any] = {"name": f"{name}[]" if several else name, "in": "query", "schema": shown}
    if field.description:
        parameter["description"] = field.description
    if field.is_required():
        parameter["required"] = True
    return parameter


def _responses(operation: Operation, has_path_parameters: bool, schemas: dict[Any, Any]) -> dict[str, Any]:
    error = {"schema": schemas["error", 0]}
    responses: dict[str, Any] = {}
    for status in sorted(operation.statuses(has_path_parameters=has_path_parameters)):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": {JSON: error}}
    success = {"schema": schemas["answer", id(operation)]} if operation.produces == JSON else {}
    responses["200"]["content"] = {operation.produces: success} | ({PAGE: {}} if operation.produces_page else {})
    if operation.is_paged:
        responses["200"]["headers"] = {
            name: {"schema": {"type": kind}}
            for name, kind in (
                ("Elements-Returned-Count", "integer"),
                ("Elements-Total-Count", "integer"),
                ("Elements-Next-Page-Token", "string"),
            )
        }
    return responses
