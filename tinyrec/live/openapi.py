"""What the server can be asked, as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0)."""


def description(catalogue, most):
    """For a model's Catalogue; `most` items an answer."""
    user = {"name": "user", "in": "path", "required": True, "schema": {"type": "string"}}
    k = {"name": "k", "in": "query", "description": "how many items",
         "schema": {"type": "integer", "minimum": 1, "maximum": most, "default": 10}}  # fmt: skip
    event = thing(item="string", event="string")
    event["properties"]["event"]["enum"] = list(catalogue.kinds)
    event |= {"required": ["item"], "additionalProperties": {"type": "number"}}
    best = {"type": "array", "items": thing(item="string", title="string", probability="number")}
    paths = {
        "/users/{user}/events": {
            "parameters": [user],
            "post": operation("Keep an event.", "201", thing(user="string", steps="integer"))
            | {"requestBody": {"required": True, "content": as_json(event)}},
        },
        "/users/{user}/recommendations": {
            "parameters": [user, k],
            "get": operation("The items most likely to be taken next.", "200", best),
        },
        "/healthz": {
            "get": operation("Is it up?", "200", thing(items="integer", users="integer"))
        },
    }  # fmt: skip
    return {"openapi": "3.1.0", "info": {"title": "tinyrec", "version": "1"}, "paths": paths}


def operation(summary, status, schema):
    wrong = {"description": "What is wrong.", "content": as_json(thing(error="string"))}
    done = {"description": summary, "content": as_json(schema)}
    return {"summary": summary, "responses": {status: done, "default": wrong}}


def thing(**types):
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in types.items()}}


def as_json(schema):
    return {"application/json": {"schema": schema}}
