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
    kept = answers("Keep an event.", as_json(thing(user="string", steps="integer")), "201")
    paths = {
        "/users/{user}/events": {
            "parameters": [user],
            "post": kept | {"requestBody": {"required": True, "content": as_json(event)}},
        },
        "/users/{user}/recommendations": {
            "parameters": [user, k],
            "get": answers("The items most likely to be taken next.", as_json(best)),
        },
        "/users/{user}": {
            "parameters": [user],
            "get": answers("A page to step through the user's history.", {"text/html": {}}),
        },
        "/healthz": {
            "get": answers("Is it up?", as_json(thing(items="integer", users="integer")))
        },
    }  # fmt: skip
    return {"openapi": "3.1.0", "info": {"title": "tinyrec", "version": "1"}, "paths": paths}


def answers(summary, content, status="200"):
    wrong = {"description": "What is wrong.", "content": as_json(thing(error="string"))}
    done = {"description": summary, "content": content}
    return {"summary": summary, "responses": {status: done, "default": wrong}}


def thing(**types):
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in types.items()}}


def as_json(schema):
    return {"application/json": {"schema": schema}}
