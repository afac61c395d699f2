"""The description of the service that other programs read: OpenAPI 3.1, made of the tables."""

from __future__ import annotations

import functools
from typing import Any

from upres import __version__
from upres.service.parameters import PARAMETERS, Parameter
from upres.service.problems import KINDS

_TYPES = {"number": "number", "integer": "integer", "text": "string", "flag": "boolean"}
_PICTURE = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
_JOB_PATH = {
    "name": "job",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The id that the answer 202 gave.",
}


@functools.cache
def description() -> dict[str, Any]:
    """Return the description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "upres",
            "version": __version__,
            "description": "Makes pictures larger. Errors are application/problem+json with one line as their detail.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/v1/upscale": {"post": _upscale()},
            "/v1/jobs/{job}": {
                "parameters": [_JOB_PATH],
                "get": _operation("jobState", "How far a job is", _json("A job", "Job"), problems=("not-found",)),
                "delete": _operation(
                    "cancelJob",
                    "Cancel a job, or forget it and its result",
                    {"204": {"description": "It is gone"}},
                    problems=("not-found",),
                ),
            },
            "/v1/jobs/{job}/result": {
                "parameters": [_JOB_PATH],
                "get": _operation(
                    "jobResult",
                    "A job's picture",
                    {"200": {"description": "The picture", "content": _PICTURE}},
                    problems=("not-found", "not-ready-yet", "unusable", "failed", "too-slow"),
                ),
            },
            "/v1/jobs/{job}/events": {
                "parameters": [_JOB_PATH],
                "get": _operation(
                    "jobEvents", "What becomes of a job", _events(), problems=("not-found", "queue-full")
                ),
            },
            "/v1/events": {
                "get": {
                    **_operation(
                        "events",
                        "What becomes of several jobs, in one stream",
                        _events(),
                        problems=("bad-request", "not-found", "queue-full"),
                    ),
                    "parameters": [
                        {
                            "name": "job",
                            "in": "query",
                            "required": True,
                            "schema": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
                            "style": "form",
                            "explode": True,
                        }
                    ],
                }
            },
            "/v1/models": {"get": _operation("models", "Which models there are", _json("Models"))},
            "/v1/formats": {"get": _operation("formats", "What is read and written", _json("Formats"))},
            "/healthz": {"get": _operation("alive", "Whether the process is there", _text("ok"))},
            "/readyz": {"get": _operation("ready", "Whether it takes work", _text("ready"), problems=("not-ready",))},
            "/metrics": {"get": _operation("metrics", "Numbers for Prometheus", _text("upres_queue_length 0"))},
            "/openapi.json": {"get": _operation("description", "This description", _json("OpenAPI 3.1"))},
        },
        "components": {"schemas": _schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def _upscale() -> dict[str, Any]:
    fields = {parameter.name: _schema(parameter) for parameter in PARAMETERS}
    form = {
        "schema": {
            "type": "object",
            "properties": {"picture": {"type": "string", "format": "binary"}, **fields},
            "required": ["picture"],
            "additionalProperties": False,
        }
    }
    answers = {
        "200": {
            "description": "The larger picture, with its facts in the headers upres-…",
            "content": _PICTURE,
            "headers": {
                name: {"schema": {"type": "string"}, "example": example}
                for name, example in (
                    ("upres-model", "base"),
                    ("upres-scale", "4"),
                    ("upres-input", "640x480"),
                    ("upres-output", "2560x1920"),
                    ("upres-seconds", "1.204"),
                )
            },
        },
        "202": {
            "description": "A job: it was asked for, or the result is large",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}},
            "headers": {"location": {"schema": {"type": "string"}}},
        },
    }
    described = _operation(
        "upscale",
        "Make a picture larger",
        answers,
        problems=(
            "bad-request",
            "slow-body",
            "length-required",
            "body-too-large",
            "not-a-picture",
            "unusable",
            "queue-full",
            "failed",
            "stopping",
            "too-slow",
        ),
    )
    return {
        **described,
        "parameters": [
            *(
                {
                    "name": parameter.name,
                    "in": "query",
                    "description": parameter.meaning,
                    "schema": _schema(parameter),
                    "example": _example(parameter),
                }
                for parameter in PARAMETERS
            ),
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "example": "respond-async",
                "description": "respond-async asks for a job at once; respond-async, wait=N after N seconds.",
            },
        ],
        "requestBody": {
            "required": True,
            "content": {"image/*": _PICTURE["image/*"], "multipart/form-data": form},
        },
    }


def _operation(name: str, summary: str, answers: dict[str, Any], *, problems: tuple[str, ...] = ()) -> dict[str, Any]:
    kinds: dict[int, list[str]] = {}
    for kind in ("unauthorised", "foreign-host", *problems):
        kinds.setdefault(KINDS[kind][0], []).append(KINDS[kind][1])
    refused = {
        str(status): {
            "description": "; ".join(titles),
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                "text/html": {"schema": {"type": "string"}},  # where Accept begins with it, as browsers' does
            },
        }
        for status, titles in sorted(kinds.items())
    }
    return {"operationId": name, "summary": summary, "responses": {**answers, **refused}}


def _json(words: str, schema: str | None = None) -> dict[str, Any]:
    kind = {"type": "object"} if schema is None else {"$ref": f"#/components/schemas/{schema}"}
    return {"200": {"description": words, "content": {"application/json": {"schema": kind}}}}


def _text(example: str) -> dict[str, Any]:
    return {
        "200": {
            "description": "A line or more of text",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": example}},
        }
    }


def _events() -> dict[str, Any]:
    return {
        "200": {
            "description": "Server-sent events: each is named by the job's state, and its data is the job",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[parameter.kind]}
    if parameter.least is not None:
        schema["minimum"] = parameter.least
    if parameter.most is not None:
        schema["maximum"] = parameter.most
    return schema


def _example(parameter: Parameter) -> object:
    if parameter.kind == "flag":
        return parameter.example == "true"
    return {"number": float, "integer": int, "text": str}[parameter.kind](parameter.example)


def _schemas() -> dict[str, Any]:
    side = {"type": "integer", "minimum": 1}
    picture = {"type": "object", "properties": {"width": side, "height": side, "format": {"type": "string"}}}
    return {
        "Problem": {
            "type": "object",
            "properties": {
                "type": {"type": "string", "examples": ["urn:upres:problem:queue-full"]},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
            "required": ["type", "title", "status", "detail"],
        },
        "Job": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
                "progress": {"type": "number", "minimum": 0, "maximum": 1},
                "address": {"type": "string"},
                "events": {"type": "string"},
                "result": {"type": "string"},
                "input": picture,
                "output": picture,
                "problem": {"$ref": "#/components/schemas/Problem"},
            },
            "required": ["id", "state", "progress", "address", "events"],
        },
    }
