"""A small model of a log in which the next item depends on the last one and on nothing else."""

import numpy as np
import pytest

from tinyrec import Recommender
from tinyrec.preprocess.events import clean

SMALL = {"dim": 8, "hidden": 8, "negatives": 8, "epochs": 20, "max_len": 10, "seed": 0,
         "layers": "readable", "threads": 1}  # fmt: skip
TITLE = "</script><b>&\u2028 Ünïcode 手机"


def chains(users=120, items=30, steps=9):
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", f"i{(start + step) % items:02}")
            for user, start in enumerate(rng.integers(0, items, users))
            for step in range(steps)]  # fmt: skip
    user, item = zip(*rows, strict=True)
    events = clean({"user": list(user), "item": list(item),
                    "event": list(rng.choice(["view", "buy"], len(rows))),
                    "price": [str(price) for price in rng.integers(1, 9, len(rows))]})  # fmt: skip
    events.titles["i05"] = TITLE
    return events


@pytest.fixture(scope="session")
def fitted():
    return Recommender(**SMALL).fit(chains())


@pytest.fixture(scope="session")
def history():
    return ["i01", "i02", "i03", "i04", "i05", "i06"]
