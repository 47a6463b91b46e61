"""How quick is a live model? `tinyrec bench --live`: sessions, then a server under load."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

from ..live import Session
from ..model import network
from ..preprocess.catalogue import Catalogue
from ..preprocess.sequences import Log, Split
from ..recommender import Recommender
from ..results import calibration
from ..train.workers import one_blas_thread

ITEMS = (3_000, 1_000_000)


def latency(items, dim=64, hidden=64, events=600):
    """Of one session of so many events, each followed by the ten best: milliseconds of each
    event, and those of this process's CPU among them (n, 2), and the Session.

    The model has random parameters, which changes no time.
    """
    model = untrained(items, dim, hidden)
    session, taken = Session(model), []
    ids = model.catalogue.items[np.random.default_rng(1).integers(0, items, events)]
    with one_blas_thread():
        for item in ids:
            began = time.perf_counter(), time.process_time()
            session.add(item).recommend(k=10)
            taken.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return 1e3 * np.array(taken), session


def untrained(items, dim, hidden):
    """A Recommender that looks fitted: parameters drawn at random, one user with one event."""
    model = Recommender(dim=dim, hidden=hidden, negatives=128, epochs=1, batch=1, lr=1e-2,
                        dropout=0.0)  # fmt: skip
    ids = np.array([f"{item}" for item in range(items)], object)
    model.catalogue = Catalogue(np.array(["1"], object), ids, ("event",))
    nothing = np.zeros(1, np.int32)
    model.log = Log(nothing, nothing, np.array([0, 1]), numbers=np.zeros((1, 0), np.float32))
    model.params = network.initial(np.random.default_rng(0), items, 1, dim, hidden)
    model.calibration, model.history_, model.report = calibration.NONE, [], ()
    model.content = None
    model.split = Split(*np.zeros((3, 0, 2), np.int64))
    return model


def load(users=1000, seconds=20.0, every=10.0):
    """Milliseconds of each answer of a server with 3,000 items, and how many were refused.

    So many users side by side, on a connection each: every so many seconds, at moments of their
    own, they post an event and ask for the ten best.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.npz")
        untrained(ITEMS[0], 64, 64).save(path)
        command = [sys.executable, "-m", "tinyrec", "serve", path, "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as server:  # fmt: skip
            try:
                port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
                return asyncio.run(everybody(port, users, seconds, every))
            finally:
                server.terminate()


async def everybody(port, users, seconds, every):
    until, rng = time.perf_counter() + seconds, np.random.default_rng(0)
    each = [one_user(port, user, until, every, rng) for user in range(users)]
    answers = [answer for answers in await asyncio.gather(*each) for answer in answers]
    taken, good = map(np.array, zip(*answers, strict=True))
    return 1e3 * taken, int((~good).sum())


async def one_user(port, user, until, every, rng):
    """(seconds, whether it was answered as it should) of each request."""
    found = []
    await asyncio.sleep(rng.random() * every)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not found or time.perf_counter() < until:
        event = json.dumps({"item": f"{rng.integers(ITEMS[0])}"})
        for request in (f"POST /users/{user}/events", f"GET /users/{user}/recommendations"):
            began, body = time.perf_counter(), event if request.startswith("POST") else ""
            writer.write(f"{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
                         f"\r\n\r\n{body}".encode())  # fmt: skip
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
            found.append((time.perf_counter() - began, head[9:12] in ("200", "201")))
        await asyncio.sleep(every * 2 * rng.random())
    writer.close()
    return found
