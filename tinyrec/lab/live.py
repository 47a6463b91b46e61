"""How quick is a session? `tinyrec bench --live`: an event, then the ten best of all items."""

import time

import numpy as np

from ..live import Session
from ..model import network
from ..preprocess.catalogue import Catalogue
from ..preprocess.sequences import Log
from ..recommender import Recommender
from ..results import calibration
from ..train.workers import one_blas_thread

ITEMS = (3_000, 1_000_000)


def latency(items, dim=64, hidden=64, events=600):
    """Of one session of so many events: milliseconds of each event (n,), and the Session.

    The model has random parameters, which changes no time.
    """
    model = untrained(items, dim, hidden)
    session, taken = Session(model), []
    ids = model.catalogue.items[np.random.default_rng(1).integers(0, items, events)]
    with one_blas_thread():
        for item in ids:
            began = time.perf_counter()
            session.add(item).recommend(k=10)
            taken.append(1e3 * (time.perf_counter() - began))
    return np.array(taken), session


def untrained(items, dim, hidden):
    """A Recommender that looks fitted: parameters drawn at random, one user with one event."""
    model = Recommender(dim=dim, hidden=hidden, negatives=128)
    ids = np.array([f"{item}" for item in range(items)], object)
    model.catalogue = Catalogue(np.array(["1"], object), ids, ("event",))
    model.log = Log(np.zeros(1, np.int32), np.zeros(1, np.int32), np.array([0, 1]))
    model.params = network.initial(np.random.default_rng(0), items, 1, dim, hidden)
    model.calibration = calibration.NONE
    return model
