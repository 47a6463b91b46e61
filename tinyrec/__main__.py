"""The command line. `tinyrec --help` lists the commands, `tinyrec COMMAND --help` explains one."""

import argparse
import importlib.util
import inspect
import json
import os
import shlex
import sys
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from . import model as readable
from .coursework.check import as_gradescope, as_json, check_file
from .coursework.exercises import EXERCISES
from .datasets import movielens, shop
from .errors import InputError
from .preprocess.events import read_events
from .recommender import Recommender
from .results import baselines, metrics, plots
from .results.table import table
from .train import gradcheck
from .train.fit import best_epoch

HYPER_PARAMETERS = {
    "dim": (int, "width of the item vectors (D)"),
    "hidden": (int, "width of the LSTM state (H)"),
    "epochs": (int, "passes over the log"),
    "batch": (int, "windows of history in a step"),
    "max-len": (int, "events of history that are looked at (200)"),
    "negatives": (int, "items drawn for each user in a step (K)"),
    "lr": (float, "Adam's learning rate, falling linearly to zero"),
    "dropout": (float, "share of x, long and h dropped while training"),
    "t": (float, "gBCE's calibration, 0 to 1 (0.75)"),
    "preset": (str, "'best': larger and longer, for who has a quarter of an hour"),
    "split": (str, "hold out each user's 'last' events, or those after a 'time'"),
    "seed": (int, "of all random draws (0)"),
    "threads": (int, "workers (one a core); the result does not depend on it"),
}  # what is not given follows the log


def main(arguments=None):
    """Run one command; returns the exit code: 0 done, 1 checks failed, 2 bad request, 130 ^C."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except InputError as error:
        print(f"tinyrec: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ntinyrec: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser():
    top = Parser(prog="tinyrec", description="Long- and short-term interest recommender.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name, run, help):
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        return added

    added = command("train", train, "Train on a log, compare with baselines, save the model.")
    added.add_argument("events", nargs="?", metavar="EVENTS", help="a log (the bundled shop)")
    added.add_argument("--items", metavar="FILE", help="titles of the items")
    added.add_argument("--out", metavar="FILE", default="model.npz", help="%(default)s")
    added.add_argument("--resume", action="store_true", help="go on after an interruption")
    added.add_argument("--no-fast", action="store_true", help="use the readable layers")
    add_json(added)
    defaults = inspect.signature(Recommender).parameters
    for name, (kind, meaning) in HYPER_PARAMETERS.items():
        default = defaults[name.replace("-", "_")].default
        added.add_argument(f"--{name}", type=kind, default=default, help=meaning)

    added = command("evaluate", evaluate, "Measure a saved model and the baselines.")
    added.add_argument("model", metavar="MODEL")
    added.add_argument("events", nargs="?", metavar="EVENTS", help="another log (its own)")
    add_json(added)

    added = command("recommend", recommend, "The best items for a user or a history.")
    added.add_argument("model", metavar="MODEL")
    add_who(added)
    added.add_argument("-k", type=int, default=10, help="how many (%(default)s)")
    add_json(added)

    added = command("explain", explain, "What the best items for a user rest on.")
    added.add_argument("model", metavar="MODEL")
    add_who(added)
    added.add_argument("-k", type=int, default=5, help="how many items (%(default)s)")
    added.add_argument("--plot", metavar="FILE", help="draw it as well")

    added = command("bench", bench, "Time NumPy's layers against the compiled ones.")
    for name, default, meaning in (("dim", 64, "D"), ("hidden", 64, "H"), ("negatives", 128, "K"),
                                   ("max-len", 200, "T")):  # fmt: skip
        added.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} ({default})")
    added.add_argument("--threads", type=int, help="workers (one a core)")
    added.add_argument("--torch", action="store_true", help="PyTorch's padded twin as well")
    added.add_argument("--scaling", action="store_true", help="time against size of the log")
    added.add_argument("--plot", metavar="FILE", help="draw it as bars")

    added = command("study", study, "Train with one thing changed at a time; compare on test.")
    added.add_argument("events", nargs="?", metavar="EVENTS", help="a log (the bundled shop)")
    added.add_argument("--epochs", type=int, help="of every row")
    added.add_argument("--split", default="last", help="as in train")
    added.add_argument("--seeds", type=int, default=3, help="runs a row (%(default)s)")
    added.add_argument("--threads", type=int, help="workers (one a core)")

    added = command("fetch", fetch, "Download MovieLens from GroupLens, for research.")
    added.add_argument("name", choices=movielens.DATASETS)
    added.add_argument("--to", metavar="DIR", default="data", help="folder (%(default)s)")

    added = command("check", check, "Judge your own solution of an exercise.")
    added.add_argument("exercise", metavar="EXERCISE", help=", ".join(EXERCISES))
    added.add_argument("file", metavar="FILE", help="a Python file with your functions")
    add_json(added)
    added.add_argument("--gradescope", metavar="FILE", help="write Gradescope's results.json")

    added = command("gradcheck", check_gradients, "Check every gradient numerically.")
    added.add_argument("--fast", action="store_true", help="those of the compiled layers")
    return top


def add_json(added):
    added.add_argument("--json", metavar="FILE", help="write the figures there as well")


def add_who(added):
    who = added.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="ID")
    who.add_argument("--history", metavar="ID,ID,…", type=lambda text: text.split(","))


def train(options):
    """Read, fit, save, compare, recommend."""
    check_writable(options.out, options.json)
    began = time.perf_counter()
    bundled = options.events is None
    path = options.events or shop.FOLDER / "shop.csv"
    items = options.items or (shop.FOLDER / "items.csv" if bundled else None)
    events = read_events(path, items=items)
    seconds = {"read": time.perf_counter() - began}
    describe(events, "the bundled shop" if bundled else path)

    names = [name.replace("-", "_") for name in HYPER_PARAMETERS]
    settings = {name: getattr(options, name) for name in names}
    model = Recommender(**settings, fast=not options.no_fast)
    out = Path(options.out)
    checkpoint = out.with_suffix(".checkpoint.npz")
    if options.resume and not checkpoint.exists():
        raise InputError(f"{checkpoint}: no checkpoint to go on from; leave out --resume")
    progress = Progress(model)
    try:
        model.fit(events, on_step=progress.step, on_epoch=progress.epoch, checkpoint=checkpoint,
                  resume=options.resume)
    except KeyboardInterrupt:
        if checkpoint.exists():
            print(f"\n{checkpoint} keeps the last epoch: go on with --resume", file=sys.stderr)
        raise
    seconds["train"] = sum(entry["seconds"] for entry in model.history_)
    model.save(out)
    checkpoint.unlink(missing_ok=True)
    picture = out.with_suffix(".png")
    plots.learning_curve(model.history_, picture)
    best = best_epoch(model.history_)["epoch"]
    ended = "" if len(model.history_) == model.settings["epochs"] else ", ended as none got better"
    print(f"\nkept epoch {best}{ended}; saved {out}, learning curve in {picture}\n")

    found = compare(model, seconds, oracle=bundled)
    print(f"\nRecommendations for {model.users[0]}, "
          f"{model.log.starts[1]} steps so far, the last with:")
    last = model.log.items[model.log.starts[1] - 3 : model.log.starts[1]]
    print_items(model, model.items[last])
    print()
    print_items(model, *model.recommend(user=model.users[0]))
    write_json(options.json, found)


def describe(events, name):
    print(f"{name}: {len(events.users):,} users, {len(events.items):,} items, "
          f"{len(events.item):,} events ({', '.join(events.kinds)})")
    for rule, count in events.report:
        print(f"  {count:>7,} {rule}")
    print()


class Progress:
    """Prints a line an epoch, and where someone is watching also how far the epoch is."""

    def __init__(self, model):
        self.model, self.began, self.done = model, time.perf_counter(), 0
        self.compiling = model.fast
        if self.compiling:
            print("compiling the inner loops …", flush=True)

    def step(self, done, all):
        if self.compiling:
            print(f"compiled, with the first step, in {time.perf_counter() - self.began:.1f} s")
            self.compiling, self.began = False, time.perf_counter()
        if sys.stderr.isatty():
            print(f"\r  {done}/{all} steps of this epoch ", end="", file=sys.stderr, flush=True)

    def epoch(self, history):
        entry, epochs = history[-1], self.model.settings["epochs"]
        self.done += 1
        each = (time.perf_counter() - self.began) / self.done
        left = duration(each * (epochs - entry["epoch"]))
        if sys.stderr.isatty():
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        print(f"epoch {entry['epoch']:>3}/{epochs}  loss {entry['loss']:.5f}  "
              f"accuracy {entry['accuracy']:.3f}  validation NDCG@10 {entry['ndcg@10']:.4f}  "
              f"{entry['seconds']:.1f} s ({left} left)", flush=True)


def duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def compare(model, seconds, oracle=False):
    """Print the model's table with its baselines; returns what --json writes."""
    began = time.perf_counter()
    log, n, test = model.log, len(model.items), model.split.test
    rows = {}
    if oracle:
        rows["oracle"] = metrics.evaluate(
            shop.oracle_score(model.users, model.items, log), log, test
        )
    rows["tinyrec"] = model.evaluate()
    with threadpool_limits(1, "blas"):  # products this small lose by being shared out
        for name, learn in baselines.ALL.items():
            rows[name] = metrics.evaluate(learn(log, model.split.train, n), log, test)
    print(table(rows, len(test), n, model.settings["split"]))
    found = {"model": rows.pop("tinyrec")}
    if oracle:
        found["oracle"] = rows.pop("oracle")
    seconds["evaluate"] = time.perf_counter() - began
    sizes = {"users": len(model.users), "items": n, "events": len(log.items)}
    return found | {"baselines": rows} | sizes | {"seconds": seconds}


def evaluate(options):
    check_writable(options.json)
    model = Recommender.load(options.model)
    events = read_events(options.events) if options.events else None
    began = time.perf_counter()
    if events is None or model.fitted_on(events):
        found = compare(model, {})
    else:
        measured = model.evaluate(events)
        print(table({"tinyrec": measured}, len(model.cases(events)[1]), len(model.items), "other"))
        found = {
            "model": measured, "baselines": {}, "users": len(events.users),
            "items": len(events.items), "events": len(events.item),
            "seconds": {"evaluate": time.perf_counter() - began},
        }  # fmt: skip
    write_json(options.json, found)


def recommend(options):
    check_writable(options.json)
    model = Recommender.load(options.model)
    items, probabilities = model.recommend(options.user, options.history, options.k)
    print_items(model, items, probabilities)
    rows = zip(items, probabilities, strict=True)
    write_json(options.json, [{"item": i, "probability": float(p)} for i, p in rows])


def explain(options):
    check_picture(options.plot)
    model = Recommender.load(options.model)
    found = model.explain(options.user, options.history, options.k)
    print("logit z =  long-term + short-term + everyone's; of the past, most to the long-term")
    for row, number in enumerate(found.items):
        parts = found.long[row], found.short[row], found.base[row]
        print("{:6.2f} = {:6.2f} {:+6.2f} {:+6.2f}".format(sum(parts), *parts), end="  ")
        most = found.history[found.events[row].argmax()]
        print(f"{label(model, number)}  <-  {label(model, most)}")
    if options.plot:
        past = [f"{label(model, i)}  −{len(found.history) - at}"
                for at, i in enumerate(found.history)]
        plots.explanation(found, past, [label(model, i) for i in found.items], options.plot)
        print(f"drawn in {options.plot}")


def bench(options):
    check_picture(options.plot)
    from . import bench

    if options.scaling:
        for what, events, seconds in bench.scaling(options.threads):
            print(f"{what:<16} {events:>10,} events {seconds:7.2f} s an epoch  "
                  f"{seconds / events * 1e6:5.2f} s a million", flush=True)
        return
    if options.torch and importlib.util.find_spec("torch") is None:
        raise InputError("--torch: PyTorch is not installed here; leave it out or install torch")
    found = bench.run(options.max_len, options.dim, options.hidden, options.negatives,
                      threads=options.threads, with_torch=options.torch)
    print(bench.report(found))
    if options.plot:
        plots.bench(found, options.plot)


def study(options):
    from . import study

    if options.seeds < 1:
        raise InputError(f"seeds is {options.seeds}: ask for one or more")
    events = read_events(options.events or shop.FOLDER / "shop.csv")
    settings = {name: getattr(options, name) for name in ("epochs", "split", "threads")}
    print(f"{'means of ' + str(options.seeds) + ' seeds':<34}   "
          f"{'HR@10':<15}   {'NDCG@10':<15}   training", flush=True)
    for row in study.study(events, settings, options.seeds):
        print(study.line(*row), flush=True)


def fetch(options):
    """Download MovieLens unless it is there; says what to run next."""
    if movielens.is_there(options.name, options.to):
        print(f"{Path(options.to) / options.name}: already there, nothing to download\n")
    else:
        print(movielens.LICENCE + "\n", flush=True)
    progress = download_bar() if sys.stderr.isatty() else None
    folder = movielens.fetch(options.name, options.to, progress=progress)
    dataset = movielens.DATASETS[options.name]
    log, titles = str(folder / dataset.events), str(folder / dataset.titles)
    print("now run\n  " + shlex.join(["tinyrec", "train", log, "--items", titles]))
    print("  tinyrec recommend model.npz --user 1")


def download_bar():
    """A function of bytes done and in all that draws how far a download is."""
    began = time.perf_counter()

    def draw(done, total):
        left = duration((time.perf_counter() - began) * (total - done) / done)
        bar = "#" * (30 * done // total)
        print(f"  [{bar:<30}] {done / total:4.0%} of {total / 1e6:.1f} MB, {left} left  ",
              end="\n" if done == total else "\r", file=sys.stderr, flush=True)

    return draw


def check(options):
    check_writable(options.json, options.gradescope)
    verdict = check_file(options.exercise, options.file)
    print(verdict)
    write_json(options.json, as_json(verdict))
    write_json(options.gradescope, as_gradescope(verdict))
    return 0 if verdict.passed else 1


def check_gradients(options):
    from . import fast

    failed = 0
    for line in gradcheck.report(fast if options.fast else readable):
        wrong = line.error > gradcheck.TOLERANCE
        failed += wrong
        print(f"{line.layer:<10} {line.name:<11} T = {line.steps}  error {line.error:.1e}  "
              f"{'WRONG' if wrong else 'ok'}")
    return 1 if failed else 0


def label(model, number):
    raw = model.items[number]
    return model.titles.get(raw, raw)


def print_items(model, items, probabilities=None):
    for row, item in enumerate(items):
        chance = "" if probabilities is None else f"{row + 1:>3}. p = {probabilities[row]:.3f}  "
        print(f"  {chance}{item}  {model.titles.get(item, '')}".rstrip())


def check_writable(*paths):
    """Before any work: raises InputError for a path that could not be written after it."""
    for path in filter(None, paths):
        folder = Path(path).absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
            raise InputError(f"{path}: cannot be written there; name a file in a folder you own")


def check_picture(path):
    """As check_writable; the name's ending has to be one that pictures have."""
    check_writable(path)
    if path and Path(path).suffix not in plots.ENDINGS:
        raise InputError(f"{path}: a picture ends in {', '.join(plots.ENDINGS)}; rename it")


def write_json(path, found):
    if path:
        Path(path).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
