"""Pictures. Colours are Okabe and Ito's, which stay apart for colour-blind eyes."""

import os
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..train.loop import best_epoch
from .calibration import BINS

ENDINGS = (".png", ".svg", ".pdf")
CHINESE = (  # families of fonts that systems have for it
    "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Arial Unicode MS",
)  # fmt: skip
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"


def check_name(path):
    """The path of a picture, or None. Raises InputError unless its ending is one of ENDINGS."""
    if path and Path(path).suffix not in ENDINGS:
        raise InputError(f"{path}: a picture ends in {', '.join(ENDINGS)}; rename it")
    return path


def figure(panels=1, width=4.2, height=3.2, grid="y"):
    """A figure and its axes in the one style all pictures share; grid: the axis with lines."""
    backend = os.environ.pop("MPLBACKEND", None)  # none is needed, and it may not be there
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend

    drawing = Figure(figsize=(width * panels, height), layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(1, panels, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis=grid, color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
    return drawing, axes


@cache
def fonts():
    """Matplotlib's font and those installed for Chinese: (families, the letters they have)."""
    from matplotlib import font_manager

    there = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    families = ["DejaVu Sans", *(name for name in CHINESE if name in there)]
    letters = [font_manager.get_font(there[name]).get_charmap() for name in families]
    return families, set().union(*letters)


def plain_label(text, other="?", longest=40):
    """The text as a picture can show it: no boxes, a $ as itself, at most `longest` letters.

    Letters that no font here has lose their accents or are left out; where that is most of
    them, `other` stands instead, such as the id.
    """
    _, letters = fonts()
    text = " ".join(text.replace(r"\$", "$").split())
    if not all(ord(letter) in letters for letter in text):
        parts = [part for part in unicodedata.normalize("NFKD", text)
                 if not unicodedata.combining(part)]  # fmt: skip
        kept = "".join(part for part in parts if ord(part) in letters).strip()
        text = kept if len(kept) > len(parts) / 2 else other
    if len(text) > longest:
        text = f"{text[: longest - 11]}…{text[-10:]}"  # ends often differ where beginnings do not
    return text.replace("$", r"\$")


def heatmap(drawing, axis, values, label, colours="cividis", **limits):
    """values (rows, columns) as coloured squares, with a bar that says what a colour means."""
    axis.grid(False)
    image = axis.imshow(values, cmap=colours, aspect="auto", interpolation="nearest", **limits)
    drawing.colorbar(image, ax=axis, label=label)


def learning_curve(history, path):
    """Training loss and validation quality over the epochs; history as in Recommender."""
    drawing, (left, right) = figure(panels=2)
    epochs = [entry["epoch"] for entry in history]
    left.plot(epochs, [entry["loss"] for entry in history], "o-", color=BLUE, markersize=3)
    left.set(xlabel="epoch", ylabel="training loss, mean per candidate")
    for name, label, colour in (("ndcg@10", "NDCG@10", GREEN), ("hr@10", "HR@10", ORANGE)):
        values = [entry[name] for entry in history]
        right.plot(epochs, values, "o-", color=colour, markersize=3, label=label)
    right.axvline(best_epoch(history)["epoch"], color=GREY, linestyle=":", label="epoch kept")
    right.set(xlabel="epoch", ylabel="validation, share of users", ylim=(0, None))
    right.legend(frameon=False)
    drawing.savefig(path, dpi=120)


def explanation(found, catalogue, path):
    """explain.Parts as bars: attention on the past, and what each logit is made of."""

    def label(number):
        return plain_label(catalogue.title(number), other=catalogue.items[number])

    past = [f"{label(item)}  −{len(found.history) - at}" for at, item in enumerate(found.history)]
    items = [label(item) for item in found.items]
    drawing, (left, right) = figure(panels=2, width=6.5, height=4.6, grid="x")
    shown = min(15, len(past))
    left.barh(range(shown), found.weights[-shown:], color=BLUE)
    left.set_yticks(range(shown), past[-shown:])
    left.set(xlabel="attention weight", title="The last events, newest on top")
    parts = {"long-term": (found.long, BLUE), "short-term": (found.short, ORANGE),
             "events just seen": (found.recent, GREEN),
             "everyone's": (found.base, GREY)}  # fmt: skip
    height = 0.8 / len(parts)
    for number, (label, (values, colour)) in enumerate(parts.items()):
        rows = [row + (1 - number) * height for row in range(len(items))][::-1]
        right.barh(rows, values, height, color=colour, label=label)
    right.set_yticks(range(len(items))[::-1], items)
    for axis in (left, right):
        axis.tick_params(axis="y", labelfontfamily=fonts()[0])
    right.set(xlabel="part of the logit z (12)", title="What each recommendation rests on")
    right.axvline(0, color="black", linewidth=0.6)
    drawing.legend(loc="outside lower right", ncols=len(parts), frameon=False)
    drawing.savefig(path, dpi=120)


def reliability(found, path):
    """Shown chances against how often they came true, from metrics.reliability."""
    drawing, (axis,) = figure(width=5)
    some = found.shown > 0
    shown = found.shown[some] / found.offers[some]
    taken = found.taken[some] / found.offers[some]
    ends = np.array([BINS[1], 1]) / 10, np.array([BINS[1], 1]) / 10
    axis.plot(*ends, color=GREY, linestyle=":", label="as shown")
    error = 1.96 * np.sqrt(found.taken[some]) / found.offers[some]
    axis.errorbar(shown, taken, np.minimum(error, 0.99 * taken), fmt="o-", color=BLUE,
                  markersize=4, label="what happened (95 %)")
    axis.set(xscale="log", yscale="log", xlabel="shown chance, mean of a bin",
             ylabel="share that was the next item")  # fmt: skip
    axis.legend(frameon=False)
    drawing.savefig(path, dpi=120)


def bench(found, path):
    """The figures of bench.run as bars: milliseconds of each part, NumPy's and compiled."""
    drawing, (axis,) = figure(width=7, height=4.6, grid="x")
    names = [part[0] for part in found["parts"]][::-1]
    for offset, column, label, colour in ((0.2, 1, "NumPy", ORANGE), (-0.2, 2, "compiled", BLUE)):
        milliseconds = [1e3 * part[column] for part in found["parts"]][::-1]
        rows = [row + offset for row in range(len(names))]
        axis.barh(rows, milliseconds, 0.4, color=colour, label=label)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="milliseconds for one block of users, one thread")
    axis.legend(frameon=False)
    drawing.savefig(path, dpi=120)
