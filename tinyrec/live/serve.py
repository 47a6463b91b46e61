"""A model that is asked over HTTP (article §8.2): `tinyrec serve MODEL`.

    POST /users/ID/events               {"item": "I0042", "event": "buy"}
    GET  /users/ID/recommendations?k=10
    GET  /users/ID                      a page to step through (explain/page.py)
    GET  /healthz                       GET /openapi.json

An event is answered once SQLite has it on disk, in a transaction of its own; sessions are only
made from there, so that a server may die at any moment. An event that does not tell its time
happened when it arrived, and what is asked for is asked for now: so the model knows how long it
has been. Whatever is wrong with a request is answered by one {"error": …}.
"""

import asyncio
import json
import socket
import sqlite3
import time
from collections import OrderedDict
from contextlib import closing, suppress
from threading import Lock

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from ..errors import InputError
from ..explain import page
from ..train.workers import one_blas_thread
from .openapi import description
from .session import Session

LARGEST_BODY = 4096  # bytes of a request
LONGEST_ID = 200  # characters of a user's
MOST = 1000  # items of an answer
PATIENCE = 5  # seconds for a request to arrive, and to be answered
SESSIONS = 10_000  # users in memory; the others come back from the log when they are asked for


class EventLog:
    """Events in SQLite: each on disk before `append` returns."""

    def __init__(self, path):
        try:
            self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self.database.execute("PRAGMA journal_mode = WAL")  # readers and a killed writer
            self.database.execute("PRAGMA synchronous = FULL")  # survives a power cut too
            self.database.execute(
                "CREATE TABLE IF NOT EXISTS events "
                "(number INTEGER PRIMARY KEY, user TEXT, event TEXT)"
            )
            self.database.execute("CREATE INDEX IF NOT EXISTS by_user ON events (user, number)")
        except sqlite3.Error as error:
            raise InputError(f"{path}: no event log ({error}); name another --log") from None

    def append(self, user, event):
        """One user's event, a dict: in a transaction of its own."""
        row = user, json.dumps(event)
        self.database.execute("INSERT INTO events (user, event) VALUES (?, ?)", row)

    def of(self, user):
        """A user's events, the oldest first."""
        rows = self.database.execute(
            "SELECT event FROM events WHERE user = ? ORDER BY number", (user,)
        )
        return [json.loads(event) for (event,) in rows]

    def close(self):
        self.database.close()


class Sessions:
    """The users' sessions, made from the model's log and the events since."""

    def __init__(self, model, log):
        self.model, self.log, self.lock = model, log, Lock()
        self.sessions = OrderedDict()  # who was asked for last is last

    def of(self, user):
        if user not in self.sessions:
            known = user in self.model.catalogue.user_number
            session = Session(self.model, user=user if known else None)
            for event in self.log.of(user):
                with suppress(InputError):  # another model wrote it, which knew more items
                    session.add(**event)
            self.sessions[user] = session
        self.sessions.move_to_end(user)
        if len(self.sessions) > SESSIONS:
            self.sessions.popitem(last=False)
        return self.sessions[user]

    def add(self, user, event):
        """Returns how many steps the user's history has; raises InputError."""
        with self.lock:
            session = self.of(user)
            event = {"time": now(session)} | event
            session.add(**event)
            try:
                self.log.append(user, event)
            except sqlite3.Error:
                del self.sessions[user]  # it knows an event that the log does not have
                raise
            return len(session.items)

    def asked(self, user):
        """The session of a user who has events, at this moment; raises HTTPException."""
        session = self.of(user)
        if not session.items:
            raise HTTPException(404, f"user {user!r} has no events yet: post one first")
        return session.ask_at(now(session))

    def page(self, user):
        with self.lock:
            past = self.asked(user).past()
        return page.html(self.model, past, user)

    def recommend(self, user, k):
        with self.lock:
            items, probabilities = self.asked(user).recommend(k)
        title = self.model.catalogue.titles.get
        rows = zip(items.tolist(), probabilities.tolist(), strict=True)
        return [{"item": item, "title": title(item, ""), "probability": p} for item, p in rows]


def now(session):
    """In seconds; not before the session's last event, whose time somebody else may have told."""
    return max(time.time(), session.time or 0)


def application(model, log):
    """The Starlette application for a fitted model and an EventLog."""
    sessions = Sessions(model, log)

    async def post_event(request):
        user, event = user_of(request), event_of(await body_of(request))
        steps = await asyncio.to_thread(sessions.add, user, event)
        return JSONResponse({"user": user, "steps": steps}, 201)

    async def recommendations(request):
        user, k = user_of(request), k_of(request)
        return JSONResponse(await asyncio.to_thread(sessions.recommend, user, k))

    async def steps(request):
        return HTMLResponse(await asyncio.to_thread(sessions.page, user_of(request)))

    async def healthz(request):
        return JSONResponse({"items": len(model.catalogue.items), "users": len(sessions.sessions)})

    async def openapi(request):
        return JSONResponse(description(model.catalogue, MOST))

    routes = [
        Route("/users/{user:path}/events", in_time(post_event), methods=["POST"]),
        Route("/users/{user:path}/recommendations", in_time(recommendations)),
        Route("/users/{user:path}", in_time(steps)),
        Route("/healthz", healthz),
        Route("/openapi.json", openapi),
    ]
    kinds = HTTPException, InputError, Exception
    return Starlette(routes=routes, exception_handlers=dict.fromkeys(kinds, wrong))


def in_time(answer):
    """The same endpoint, given up after PATIENCE."""

    async def endpoint(request):
        try:
            return await asyncio.wait_for(answer(request), PATIENCE)
        except TimeoutError:
            raise HTTPException(408, f"not done within {PATIENCE} seconds") from None

    return endpoint


async def wrong(request, error):
    """What a request is answered that cannot be done. Of a failure nobody is shown more: Starlette
    has it printed on the server's side.
    """
    if isinstance(error, HTTPException):
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
    if isinstance(error, InputError):
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"error": "the server failed; its log says why"}, 500)


def user_of(request):
    user = request.path_params["user"]
    if not 1 <= len(user) <= LONGEST_ID:
        raise InputError(f"a user's id has from 1 to {LONGEST_ID} characters")
    return user


def k_of(request):
    text = request.query_params.get("k", "10")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise InputError(f"k is {text[:20]!r}: it has to be from 1 to {MOST}")
    return int(text)


async def body_of(request):
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"a request has at most {LARGEST_BODY} bytes")
    return body


def event_of(body):
    """What Session.add takes, from JSON. Raises InputError."""

    def no_number(text):
        raise ValueError(f"{text} is no number")

    try:
        event = json.loads(body, parse_constant=no_number)
        json.dumps(event, ensure_ascii=False).encode()  # half a character cannot be answered
    except (ValueError, RecursionError):
        raise InputError('the body is not JSON, such as {"item": "I0042"}') from None
    if not isinstance(event, dict) or not isinstance(event.get("item"), str):
        raise InputError('name the item: {"item": "I0042"}, its id as text')
    if not isinstance(event.get("event", ""), str):
        raise InputError("event is the name of a kind, as text")
    for name, value in event.items():
        number = type(value) in (int, float) and abs(value) < 1e300
        if name not in ("item", "event") and not number:
            raise InputError(f"{name} has to be a number")
    return event


def serve(model, path, host="127.0.0.1", port=8000):
    """Answer requests until interrupted; events are kept in the file `path`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening, closing(EventLog(path)) as log, one_blas_thread():
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(1024)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{host}:{port}: {reason}; give another --port") from None
        print(f"http://{host}:{listening.getsockname()[1]}/openapi.json says what can be asked; "
              f"events are kept in {path}", flush=True)  # fmt: skip
        config = uvicorn.Config(application(model, log), log_level="warning", access_log=False,
                                timeout_keep_alive=60)  # fmt: skip
        uvicorn.Server(config).run(sockets=[listening])
