"""One page to step through (article §9.5): every number between a history and its ten best items.

T events looked at, N items, k listed; D, H as in model/. The page needs no network and no library.
Its numbers are in it once, as JSON, and what is shown is read from there.
"""

import json
import re
from pathlib import Path

import numpy as np

from .. import model as readable
from .. import outputs
from ..model import content, loss, network
from ..model.functions import sigmoid, softplus
from ..results import metrics
from . import events

TEMPLATE = Path(__file__).with_name("page.html")
MOST = 1_950_000  # bytes of numbers; a page with more begins at a later event
DIGITS = 4  # of a number in the page


def write(rec, path, user=None, history=None, k=10):
    """The page of a user or a history as one HTML file. Raises InputError as `parts` does."""
    outputs.write(path, html(rec, rec.past(user, history), user, k))


def html(rec, past, user=None, k=10):
    """The page of one user's Log, its text; user: whose it is, a raw id."""
    found = trace(rec, past, user, k)
    steps, empty = list(map(as_json, found["steps"])), '"steps":[]'
    left = MOST - len(as_json(found | {"steps": []}).encode())
    sizes = np.cumsum([1 + len(step.encode()) for step in steps[::-1]])  # of the last ones
    first = len(steps) - max(1, int((sizes <= left).sum()))
    text = as_json(found | {"first": first, "steps": []})  # in no title quotes stand unescaped
    text = text.replace(empty, f'{empty[:-1]}{",".join(steps[first:])}]')
    return TEMPLATE.read_text("utf-8").replace("{{trace}}", text)


def as_json(found):
    """JSON that may stand in a script of a page, whatever a title says."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def trace(rec, past, user, k):
    """Equations (1) to (13) with their numbers after each event, as plain lists and dicts.

    "history": the raw ids looked at; "steps": a dict an event, arrays by their names in the
    equations, more of them in thousandths, "top" the k best items not seen; "without": the k best
    at the end, had an event not happened; "adds": what each event adds to the logit of the k best
    at the end (occlusion).
    """
    u, caches = events.own_layers(rec, past)
    x = caches.lstm.x
    T, N = len(x), len(rec.catalogue.items)
    items, kinds, numbers = past.items[-T:], past.kinds[-T:], past.numbers[-T:]
    p, H = rec.params, len(rec.params["U"])
    z = network.every_logit(u, p["E"], p["bias"], readable.scorer)
    odds = rec.log_odds(z.copy(), [[]] * T)  # of items not seen
    metrics.check_numbers(odds)
    told = {name: rec.settings[name] for name in ("negatives", "t")}
    lstm, attended, both = caches.lstm, caches.attention, caches.interest
    before = np.concatenate([np.zeros((1, H), x.dtype), lstm.h[:-1]])
    gates = np.split(lstm.gates, 4, axis=-1)
    arrays = {"x": x, "c": lstm.c, "h": lstm.h, "long": both.long, "u": u}
    arrays |= zip("ifgo", gates, strict=True)
    more = {
        "e": p["E"][items], "nF": numbers @ p["F"], "r": both.recent,
        "z": x @ p["W"] + before @ p["U"] + p["b"], "q": attended.q, "k": attended.k,
        "from_long": both.long @ p["Wu"][:H], "from_h": lstm.h @ p["Wu"][H:],
    }  # fmt: skip
    if rec.content:
        learnt = (rec.content[name] for name in content.PARAMETERS)
        more["CP"], _ = content.alone(rec.content["C"][items], *learnt)
        more["E"] = more["e"] - more["CP"]
    beta = loss.beta(N, **told)
    slope, shift = rec.calibration.slope, rec.log_odds(np.zeros((1, N)), [[]])[0, 0]

    def best(odds, gone, z=None):
        order = metrics.best(np.where(gone, -np.inf, odds), k)
        rows = [{"item": rec.catalogue.items[c], "probability": rounded(sigmoid(odds[c]), 6)}
                for c in order if not gone[c]]  # fmt: skip
        for row, c in zip(rows, order, strict=False):
            row |= {} if z is None else {"logit": rounded(z[c])}
        return rows

    seen = np.isin(np.arange(N), past.items[: len(past.items) - T])
    steps = []
    for t in range(T):
        seen[items[t]] = True
        step = {name: rounded(values[t]) for name, values in arrays.items()}
        step["more"] = {name: np.rint(1000 * values[t]).astype(int).tolist()
                        for name, values in more.items()}  # fmt: skip
        step |= {"w": rounded(attended.w[t, : t + 1]), "top": best(odds[t], seen, z[t])}
        if t + 1 < T:
            others = np.delete(z[t], items[t + 1])
            step["next"] = {
                "logit": rounded(z[t, items[t + 1]]),
                "positive": rounded(beta * softplus(-z[t, items[t + 1]])),
                "negatives": rounded(told["negatives"] * softplus(others).mean()),
            }
        steps.append(step)
    left_out = events.leave_one_out(rec, past) if len(past.items) > 1 else odds[-1:]
    ends = [row["item"] for row in steps[-1]["top"]]
    adds = rounded((left_out[:1] - left_out[1:])[:, rec.catalogue.numbers(ends)].T)
    listed = {row["item"] for step in steps for row in step["top"]}
    without = [best(row, seen) for row in left_out[1:]]
    listed |= {row["item"] for rows in without for row in rows} | set(rec.catalogue.items[items])
    return {
        "history": list(rec.catalogue.items[items]), "first": 0, "steps": steps,
        "kinds": [rec.catalogue.kinds[kind] for kind in kinds],
        "without": without, "adds": dict(zip(ends, adds, strict=True)),
        "items": {raw: about_item(rec, raw) for raw in sorted(listed)},
        "A": dict(zip(rec.catalogue.kinds, rounded(p["A"]), strict=True)), "bu": rounded(p["bu"]),
        "fade": rounded(sigmoid(p["fade"])),
        "about": {"user": user, "events": len(past.items), "T": T, "N": N, "D": x.shape[1], "H": H,
                  "M": len(p["A"]), "R": len(p["F"]), "K": told["negatives"],
                  "beta": rounded(beta), "a": rounded(slope), "d": rounded(shift)},
        "lines": lines(),
    }  # fmt: skip


def rounded(values, digits=DIGITS):
    return (np.round(np.asarray(values, np.float64), digits) + 0.0).tolist()


def about_item(rec, raw):
    number = rec.catalogue.item_number[raw]
    return {"title": rec.catalogue.title(number), "bias": rounded(rec.params["bias"][number])}


def lines():
    """Where each equation stands in model/: {"6": "model/lstm.py:34", …}."""
    found = {}
    for file in sorted(Path(readable.__file__).parent.glob("*.py")):
        for number, text in enumerate(file.read_text("utf-8").splitlines(), start=1):
            mark = re.search(r"# \((\d+)\)$", text)
            if mark:
                found.setdefault(mark[1], f"model/{file.name}:{number}")
    return found
