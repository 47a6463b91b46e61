"""Pictures. Colours are Okabe and Ito's, which stay apart for colour-blind eyes."""

import io
import os
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np

from .. import outputs
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


def save(drawing, path):
    content, ending = io.BytesIO(), Path(path).suffix[1:]
    author = {"Software" if ending == "png" else "Creator": "tinyrec"}
    drawing.savefig(content, format=ending, dpi=120, metadata=author)
    outputs.write(path, content.getvalue())


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


def over_epochs(axis, history, name, **style):
    """A curve of what the history, as in Recommender, says under a name at each whole epoch."""
    values = [entry[name] for entry in history]
    axis.plot([entry["epoch"] for entry in history], values, "o-", markersize=3, **style)
    axis.set(xlabel="epoch")
    axis.xaxis.get_major_locator().set_params(integer=True)


def learning_curve(history, path):
    """Training loss and validation quality over the epochs; history as in Recommender."""
    drawing, (left, right) = figure(panels=2)
    over_epochs(left, history, "loss", color=BLUE)
    left.set(ylabel="training loss, mean per candidate")
    for name, label, colour in (("ndcg@10", "NDCG@10", GREEN), ("hr@10", "HR@10", ORANGE)):
        over_epochs(right, history, name, color=colour, label=label)
    right.axvline(best_epoch(history)["epoch"], color=GREY, linestyle=":", label="epoch kept")
    right.set(ylabel="validation, share of users", ylim=(0, None))
    right.legend(frameon=False)
    save(drawing, path)


def explanation(found, catalogue, path):
    """explain.Parts as bars: attention on the past, and what each logit is made of."""

    def label(number):
        return plain_label(catalogue.title(number), other=catalogue.items[number])

    past = [f"{label(item)}  −{len(found.history) - at}" for at, item in enumerate(found.history)]
    items = [label(item) for item in found.items]
    drawing, (left, right) = figure(panels=2, width=6.5, height=4.6, grid="x")
    shown = min(15, len(past))
    earlier = len(past) - shown
    if earlier:
        left.barh(-1, found.weights[:-shown].sum(), color=GREY)
        past.insert(earlier, f"the {earlier} events before")
    left.barh(range(shown), found.weights[-shown:], color=BLUE)
    first = -1 if earlier else 0
    left.set_yticks(range(first, shown), past[-shown + first :])
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
    save(drawing, path)


def history(values, titles, path, rows=22):
    """A whole history as a strip of titles, oldest first, coloured by what each event adds."""
    columns = -(-len(values) // rows)
    rows = min(rows, len(values))
    drawing, (axis,) = figure(width=2.3 * columns + 1.4, height=0.21 * rows + 1, grid="both")
    strip = np.full(columns * rows, np.nan)
    strip[: len(values)] = values
    largest = np.abs(values).max()
    heatmap(drawing, axis, strip.reshape(columns, rows).T, "adds to the logit", "RdBu",
            vmin=-largest, vmax=largest)  # fmt: skip
    for at, (value, title) in enumerate(zip(values, titles, strict=True)):
        colour = "white" if abs(value) > 0.6 * largest else "black"
        text = f"{at + 1} {plain_label(title, longest=30)}"
        axis.text(at // rows - 0.47, at % rows, text, va="center", fontsize=6.5, color=colour,
                  fontfamily=fonts()[0])  # fmt: skip
    axis.set(xticks=[], yticks=[], title=f"All {len(values)} events, oldest first")
    save(drawing, path)


def attention_map(weights, borders=()):
    """Attention weights (T, T) as a map; a line where a session begins: the drawing."""
    drawing, (axis,) = figure(width=6, height=5)
    heatmap(drawing, axis, np.where(weights > 0, weights, np.nan), "attention weight w")
    for begin in borders:
        axis.axvline(begin - 0.5, color=ORANGE, linewidth=0.7)
        axis.axhline(begin - 0.5, color=ORANGE, linewidth=0.7)
    axis.set(xlabel="looked at: event s", ylabel="from: event t")
    for side in (axis.xaxis, axis.yaxis):
        side.get_major_locator().set_params(integer=True)
    return drawing


def time_line(parts, borders=()):
    """{name: its part (T,) of each next item's logit} along a history: the drawing."""
    drawing, (axis,) = figure(width=8)
    for (name, values), colour in zip(parts.items(), (BLUE, ORANGE, GREEN, GREY), strict=False):
        axis.plot(np.arange(1, len(values) + 1), values, "o-", color=colour, markersize=3,
                  label=name)  # fmt: skip
    for begin in borders:
        axis.axvline(begin + 0.5, color=GREY, linewidth=0.6, linestyle=":")
    axis.set(xlabel="event", ylabel="part of the next item's logit")
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return drawing


FLOW = {  # box: (column, row, text); the arrows below lead from box to box
    "events": (0, 0, "T events\nitem, kind"),
    "x": (1, 0, "(1) vectors x\nT × {D}"),
    "h": (2, 0, "(2)–(7) LSTM h\nT × {H}"),
    "w": (2, 1, "(8), (9) weights w\nT × T"),
    "long": (3, 1, "(10) long-term\nT × {H}"),
    "u": (4, 0, "(11) interest u\nT × {D}"),
    "z": (5, 0, "(12) scores z\nT × {N}"),
    "E": (3, -1, "item vectors E\n{N} × {D}"),
}
ARROWS = (("events", "x"), ("x", "h"), ("h", "w"), ("w", "long"), ("h", "long"), ("long", "u"),
          ("h", "u"), ("x", "u"), ("u", "z"), ("E", "x"), ("E", "z"))  # fmt: skip


def data_flow(params):
    """A model drawn as data flow, with its very shapes: the drawing."""
    (N, D), H = params["E"].shape, len(params["U"])
    drawing, (axis,) = figure(width=11, height=4.6)
    axis.set_axis_off()
    for arrow in ARROWS:
        (x, y, _), (to_x, to_y, _) = (FLOW[name] for name in arrow)
        bend = 0.3 if arrow == ("x", "u") else 0
        short = 42 if y == to_y and not bend else 20 if x == to_x else 34
        axis.annotate("", (to_x, to_y), (x, y), arrowprops={
            "arrowstyle": "-|>", "shrinkA": short, "shrinkB": short, "color": GREY,
            "connectionstyle": f"arc3,rad={bend}"})  # fmt: skip
    for x, y, text in FLOW.values():
        axis.text(x, y, text.format(D=D, H=H, N=f"{N:,}"), ha="center", va="center", fontsize=9,
                  bbox={"boxstyle": "round,pad=0.5", "facecolor": "white",
                        "edgecolor": BLUE})  # fmt: skip
    axis.set(xlim=(-0.5, 5.5), ylim=(-1.6, 1.6))
    return drawing


def coefficients(weights):
    """{what: its coefficient} of the interpretable model as bars: the drawing."""
    drawing, (axis,) = figure(width=6, height=2.6, grid="x")
    colours = [BLUE if value > 0 else ORANGE for value in weights.values()][::-1]
    axis.barh(list(weights)[::-1], list(weights.values())[::-1], color=colours)
    axis.axvline(0, color="black", linewidth=0.6)
    axis.set(xlabel="coefficient, for one standard deviation")
    return drawing


def trade_off(lifts, cold, warm, path):
    """NDCG@10 where the target is new against where it is known, over the lift of new items."""
    drawing, (axis,) = figure(width=5, grid="both")
    axis.plot(warm, cold, "o-", color=BLUE, markersize=4)
    for lift, *at in zip(lifts, warm, cold, strict=True):
        axis.annotate(f"× {lift}", at, xytext=(6, 4), textcoords="offset points", fontsize=8)
    axis.margins(0.1)
    axis.set(xlabel="NDCG@10 where the target is known", ylabel="NDCG@10 where it is new",
             title="The odds of new items, multiplied")  # fmt: skip
    save(drawing, path)


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
    save(drawing, path)


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
    save(drawing, path)
