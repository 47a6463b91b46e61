"""The server: what it answers, what it refuses, and what a killed one still knows."""

import asyncio
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import quote

import numpy as np
import pytest

from tinyrec import Recommender
from tinyrec.live import Session
from tinyrec.preprocess.events import clean

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("httpx", reason="httpx, with which the server is asked, is not installed")
from starlette.testclient import TestClient

from tinyrec.live import serve

HTML = "text/html; charset=utf-8"
KILLS = int(os.environ.get("TINYREC_KILLS", "5"))


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    n = 300
    rows = {
        "user": np.repeat([f"u{user}" for user in range(30)], 10).tolist(),
        "item": rng.choice([f"i{item}" for item in range(30)], n).tolist(),
        "event": rng.choice(["view", "buy"], n).tolist(),
        "timestamp": [str(1000 + second) for second in range(n)],
    }
    model = Recommender(dim=4, hidden=4, negatives=4, epochs=1, layers="readable", threads=1,
                        clock=False)  # fmt: skip
    return model.fit(clean(rows))


@pytest.fixture
def log(tmp_path):
    log = serve.EventLog(tmp_path / "events.sqlite")
    yield log
    log.close()


@pytest.fixture
def client(model, log):
    return TestClient(serve.application(model, log), raise_server_exceptions=False)


def test_it_recommends_what_a_session_with_the_same_events_does(client, model):
    session = Session(model)
    for item, kind, at in (("i1", "view", 5e3), ("i2", "view", 6e3), ("i2", "buy", 6e3)):
        event = {"item": item, "event": kind, "time": at}
        assert client.post("/users/new/events", json=event).status_code == 201
        session.add(**event)
    answer = client.get("/users/new/recommendations?k=3").json()
    items, probabilities = session.recommend(k=3)
    assert [row["item"] for row in answer] == list(items)
    assert [row["probability"] for row in answer] == pytest.approx(probabilities)


def test_a_user_of_the_log_goes_on_from_there(client, model):
    steps = len(Session(model, user="u3").items)
    last = model.catalogue.items[Session(model, user="u3").items[-1]]
    other = "i1" if last != "i1" else "i2"
    answer = client.post("/users/u3/events", json={"item": other}).json()
    assert answer == {"user": "u3", "steps": steps + 1}


@pytest.mark.parametrize("user", ["https://a.b/c?d=1#e", "a/events", "日本 &", "'<b>"])
def test_any_letters_make_a_users_id(client, user):
    path = f"/users/{quote(user, safe='')}"
    for steps in (1, 2):
        answer = client.post(f"{path}/events", json={"item": f"i{steps}"})
        assert (answer.status_code, answer.json()) == (201, {"user": user, "steps": steps})
    assert len(client.get(f"{path}/recommendations?k=3").json()) == 3
    if not user.endswith("/events"):
        assert client.get(path).headers["content-type"] == HTML


def test_the_page_of_a_user_steps_through_log_and_events_to_what_is_recommended(client, model):
    client.post("/users/u3/events", json={"item": "i1", "event": "view"})
    client.post("/users/u3/events", json={"item": "i2", "event": "buy"})
    answer = client.get("/users/u3")
    assert (answer.status_code, answer.headers["content-type"]) == (200, HTML)
    (trace,) = re.findall('<script [^>]* id="trace">(.*?)</script>', answer.text, re.S)
    trace, best = json.loads(trace), client.get("/users/u3/recommendations").json()
    assert trace["history"][-2:] == ["i1", "i2"] and trace["kinds"][-1] == "buy"
    assert len(trace["history"]) == len(Session(model, user="u3").items) + 2
    found = [(row["item"], row["probability"]) for row in trace["steps"][-1]["top"]]
    assert [item for item, _ in found] == [row["item"] for row in best]
    shown = [probability for _, probability in found]
    assert shown == pytest.approx([row["probability"] for row in best], abs=1e-5)


def test_the_model_is_told_how_long_it_has_been(log, monkeypatch):
    rng = np.random.default_rng(0)
    rows = {name: rng.choice([f"{name}{n}" for n in range(9)], 300).tolist()
            for name in ("user", "item")}  # fmt: skip
    rows["timestamp"] = rng.permutation(10**6)[:300].astype(str).tolist()
    model = Recommender(dim=4, hidden=4, negatives=4, epochs=1, layers="readable").fit(clean(rows))
    server = TestClient(serve.application(model, log))
    clock = iter([2e6, 2e6 + 60, 3e6])
    monkeypatch.setattr(serve, "now", lambda session: next(clock))
    for item in ("item1", "item2"):
        server.post("/users/new/events", json={"item": item})
    answer = server.get("/users/new/recommendations?k=3").json()
    session = Session(model).add("item1", time=2e6).add("item2", time=2e6 + 60).ask_at(3e6)
    items, probabilities = session.recommend(k=3)
    assert [row["item"] for row in answer] == list(items)
    assert [row["probability"] for row in answer] == pytest.approx(probabilities)
    assert probabilities != pytest.approx(session.ask_at(2e6 + 61).recommend(k=3)[1], rel=1e-4)


def test_an_event_told_of_the_future_does_not_shut_its_user_out(client):
    later = time.time() + 1e6
    for event in ({"item": "i1", "time": later}, {"item": "i2"}):
        assert client.post("/users/new/events", json=event).status_code == 201
    assert client.get("/users/new/recommendations").status_code == 200


def test_sessions_that_left_the_memory_come_back_from_the_log(client, monkeypatch):
    monkeypatch.setattr(serve, "SESSIONS", 1)
    for user in ("a", "b", "a", "b"):
        answer = client.post(f"/users/{user}/events", json={"item": "i1", "event": "view"})
    client.post("/users/a/events", json={"item": "i2"})
    answer = client.post("/users/b/events", json={"item": "i3"})
    assert answer.json()["steps"] == 2
    assert client.get("/healthz").json()["users"] == 1


WRONG = {
    "no JSON": ("POST", "/users/a/events", b"[[[", 400, "JSON"),
    "deep JSON": ("POST", "/users/a/events", b"[" * 4000, 400, "JSON"),
    "no number": ("POST", "/users/a/events", b'{"item": "i1", "price": NaN}', 400, "JSON"),
    "half a character": ("POST", "/users/a/events", rb'{"item": "\ud800"}', 400, "JSON"),
    "not UTF-8": ("POST", "/users/a/events", b'{"item": "\xff"}', 400, "JSON"),
    "no item": ("POST", "/users/a/events", b"{}", 400, "name the item"),
    "a list": ("POST", "/users/a/events", b"[1]", 400, "name the item"),
    "an item that is a number": ("POST", "/users/a/events", b'{"item": 1}', 400, "as text"),
    "a kind that is a number": ("POST", "/users/a/events", b'{"item": "i1", "event": 1}', 400,
                                "event"),
    "an unknown item": ("POST", "/users/a/events", b'{"item": "i99"}', 400, "i99"),
    "an unknown kind": ("POST", "/users/a/events", b'{"item": "i1", "event": "x"}', 400, "view"),
    "a text for a number": ("POST", "/users/a/events", b'{"item": "i1", "price": "3"}', 400,
                            "price"),
    "a number too large": ("POST", "/users/a/events", b'{"item": "i1", "price": 1e999}', 400,
                           "price"),
    "a number not learnt": ("POST", "/users/a/events", b'{"item": "i1", "self": 3}', 400, "self"),
    "too many bytes": ("POST", "/users/a/events", b" " * 5000, 413, "4096 bytes"),
    "a long id": ("GET", "/users/" + "a" * 300 + "/recommendations", b"", 400, "200 characters"),
    "no id": ("POST", "/users//events", b"{}", 400, "from 1 to"),
    "nobody's page": ("GET", "/users/nobody", b"", 404, "no events"),
    "nobody": ("GET", "/users/nobody/recommendations", b"", 404, "no events"),
    "k is zero": ("GET", "/users/u1/recommendations?k=0", b"", 400, "from 1 to"),
    "k is a word": ("GET", "/users/u1/recommendations?k=ten", b"", 400, "'ten'"),
    "k is endless": ("GET", "/users/u1/recommendations?k=" + "9" * 3000, b"", 400, "from 1 to"),
    "another path": ("GET", "/", b"", 404, "Not Found"),
    "another method": ("DELETE", "/users/u1/events", b"", 405, "Method"),
}  # fmt: skip


@pytest.mark.parametrize("method, path, body, status, words", WRONG.values(), ids=WRONG)
def test_a_bad_request_is_answered_by_one_error(client, log, method, path, body, status, words):
    answer = client.request(method, path, content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"] and words in answer.json()["error"]
    assert log.of("a") == []


def test_a_failure_shows_no_trace_and_keeps_no_event_that_is_not_on_disk(client, log):
    client.post("/users/a/events", json={"item": "i1"})
    log.database.execute("ALTER TABLE events RENAME TO gone")
    answer = client.post("/users/a/events", json={"item": "i2"})
    assert (answer.status_code, list(answer.json())) == (500, ["error"])
    assert "Traceback" not in answer.text and "sqlite" not in answer.text
    log.database.execute("ALTER TABLE gone RENAME TO events")
    assert client.post("/users/a/events", json={"item": "i3"}).json()["steps"] == 2


def test_a_request_that_does_not_arrive_is_given_up(client, monkeypatch):
    monkeypatch.setattr(serve, "PATIENCE", 0.05)
    monkeypatch.setattr(serve, "body_of", lambda request: asyncio.sleep(3600))
    answer = client.post("/users/u1/events")
    assert (answer.status_code, list(answer.json())) == (408, ["error"])


def test_the_description_names_every_route(client, model):
    told = client.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    app = serve.application(model, None)
    routes = {route.path.replace(":path", "") for route in app.routes}
    assert set(told["paths"]) == routes - {"/openapi.json"}


def test_events_of_items_that_a_new_model_does_not_know_are_passed_over(client, log):
    log.append("a", {"item": "i1"})
    log.append("a", {"item": "gone"})
    assert client.post("/users/a/events", json={"item": "i2"}).json()["steps"] == 2


def start(folder):
    """A server of its own process, and the port it listens on."""
    command = [sys.executable, "-m", "tinyrec", "serve", "m.npz", "--port", "0", "--log", "log"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)  # fmt: skip
    line = server.stdout.readline()
    assert line, server.stderr.read()
    return server, int(re.search(r":(\d+)/", line)[1])


def ask(connection, method, path, body=None):
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.mark.slow
def test_a_killed_server_has_lost_no_event_it_answered_and_its_sessions_come_back(model, tmp_path):
    """KILLS times (TINYREC_KILLS, 5 unless said), at random moments while three users post."""
    model.save(tmp_path / "m.npz")
    acknowledged = {user: [] for user in ("u1", "u2", "new")}
    numbers = random.Random(0)

    def told():
        return sum(map(len, acknowledged.values()))

    def post(user, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            for _ in range(100_000):
                item = f"i{numbers.randrange(9)}"
                status, _ = ask(connection, "POST", f"/users/{user}/events",
                                json.dumps({"item": item}))  # fmt: skip
                assert status == 201
                acknowledged[user].append(item)
        except (OSError, http.client.HTTPException):
            pass  # the server was killed

    for _ in range(KILLS):
        server, port = start(tmp_path)
        posting = [threading.Thread(target=post, args=(user, port)) for user in acknowledged]
        before = told()
        for thread in posting:
            thread.start()
        while told() == before:
            time.sleep(0.001)
        time.sleep(numbers.uniform(0, 0.5))
        server.kill()
        for thread in posting:
            thread.join()
        server.wait()
        server.stdout.close(), server.stderr.close()

    server, port = start(tmp_path)
    log = serve.EventLog(tmp_path / "log")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for user, items in acknowledged.items():
        events = log.of(user)
        kept = [event["item"] for event in events]
        left = iter(kept)
        assert all(item in left for item in items), "an event that was answered is gone"
        assert len(kept) <= len(items) + KILLS  # what was on its way may be there
        session = Session(model, user=user if user != "new" else None)
        for event in events:
            session.add(**event)
        _, answer = ask(connection, "GET", f"/users/{user}/recommendations?k=5")
        assert [row["item"] for row in answer] == list(session.recommend(k=5)[0])
    assert told() >= KILLS
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=20)
    log.close()
