"""The commands, and one table of what each takes. `tinyrec --help` lists them."""

import argparse
import contextlib
import csv
import importlib.util
import json
import shlex
import sys
import time
from itertools import starmap
from pathlib import Path

from . import __version__, outputs, settings, store
from . import explain as explaining
from .content.vectors import of_items
from .coursework import course
from .coursework.check import as_gradescope, as_json, check_file, nothing_handed_in, saved
from .coursework.exercises import EXERCISES
from .datasets import movielens, shop
from .errors import InputError
from .explain import page
from .preprocess.events import read_events
from .recommender import K, Recommender
from .results import compare, metrics, plots, report
from .settings import Setting
from .train import gradcheck, ranks

SHOP, SHOP_ITEMS = str(shop.FOLDER / "shop.csv"), str(shop.FOLDER / "items.csv")
INPUTS = ("model", "events", "items", "content", "start", "file")
OUTPUTS = ("out", "json", "plot", "html", "gradescope", "to")


def run(arguments):
    """The exit code of a command: 0 done, 1 checks failed. Raises InputError."""
    options = parser().parse_args(with_dashes(arguments))
    given = vars(options)
    for name, value in given.items():
        if value == "":
            raise InputError(f"{name}: is empty; name it, or leave it out")
    inputs = [SHOP, SHOP_ITEMS, *map(given.get, INPUTS)]
    outputs.check(written_by(given), inputs, given.get("force"))
    options.printed = sys.stdout
    elsewhere = sys.stderr if given.get("json") == "-" else sys.stdout
    with contextlib.redirect_stdout(elsewhere):
        return options.run(options) or 0


def written_by(given):
    """The files that a command will write."""
    files = [given.get(name) for name in OUTPUTS if (name, given.get(name)) != ("json", "-")]
    plots.check_name(given.get("plot"))
    return files + list(beside(given["out"]) if "resume" in given else [])


def beside(out):
    """Where train keeps the checkpoint, the picture, and what holds the place for one run."""
    return f"{out}.checkpoint.npz", f"{out}.png", f"{out}.lock"


def train(options):
    """Read, fit, save, compare, recommend; with --mpi as one rank of several."""
    options.events = options.events or SHOP
    if not options.mpi:
        return train_on(ranks.One(), options)
    with ranks.job() as job:
        train_on(job, options)


def train_on(job, options):
    checkpoint, picture, _ = beside(options.out)
    began = time.perf_counter()
    events = job.of_first(lambda: read_log(options))
    seconds = {"read": time.perf_counter() - began}
    bundled = options.events == SHOP
    print(report.understood(events, "the bundled shop" if bundled else options.events) + "\n")

    model = Recommender(**{name: getattr(options, name) for name in settings.TABLE},
                        layers="readable" if options.no_fast else "fast",
                        threads=job.threads() if options.threads is None else options.threads,
                        ranks=job)  # fmt: skip
    wrong = []
    with store.held(options.out) if job.first else contextlib.nullcontext():
        if job.first and not options.resume:
            Path(checkpoint).unlink(missing_ok=True)
        before = job.of_first(lambda: trained_before(options, checkpoint))
        if before:
            before.given, before.threads, before.ranks = model.given, model.threads, job
            model, before = before, before.run
        began = time.perf_counter()
        learn(model, events, options, checkpoint)
        if before and model.run == before:
            print(f"{options.out}: this training is complete, there is nothing to go on with")
        learnt = time.perf_counter() - began
        if job.first:
            wrong += outputs.tried(lambda: model.save(options.out),
                                   lambda: plots.learning_curve(model.history_, picture))
        if job.first and not wrong:
            Path(checkpoint).unlink(missing_ok=True)
    seconds["train"] = sum(entry["seconds"] for entry in model.history_)
    print(report.kept(model, () if wrong else (options.out, picture)) + "\n")
    if options.mpi:
        print(report.ranks(job.cost(), learnt, job.size) + "\n")

    began = time.perf_counter()
    found = compare.compare(model, None, not options.keep_seen, oracle=bundled)
    print(report.table(found) + "\n\n" + report.example(model, not options.keep_seen))
    if job.first:
        figures = compare.as_json(found, model, events, began, **seconds)
        wrong += outputs.tried(lambda: write_json(options, figures))
    if wrong:
        raise InputError("; ".join(wrong))


def trained_before(options, checkpoint):
    """The model in the place of --out, for `fit` to see whether it is complete, where --resume
    finds no checkpoint.
    """
    if not options.resume or Path(checkpoint).exists():
        return None
    try:
        found = Recommender.load(options.out, "readable" if options.no_fast else "fast")
    except InputError:
        print(f"no checkpoint {checkpoint} to go on from: begins anew\n")
        return None
    print(f"no checkpoint {checkpoint} to go on from: begins anew, unless {options.out} is the "
          "result already\n")  # fmt: skip
    return found


def read_log(options):
    """The Events of a log."""
    items = SHOP_ITEMS if options.events == SHOP else None
    return read_events(options.events, items=vars(options).get("items") or items,
                       **{name: getattr(options, name)
                          for name in ("columns", "keep_na", "strict", "force")})  # fmt: skip


def known_of(source, events, beside="."):
    """The content that `fit` takes, by --content; says in a line what it is."""
    ids, vectors = of_items(events.titles | events.texts, source, beside)
    print(report.content(ids, vectors, source, events) + "\n")
    return ids, vectors


def learn(model, events, options, checkpoint):
    progress = report.Progress(compiling=not options.no_fast)
    try:
        model.fit(events, exclude_seen=not options.keep_seen, on_step=progress.step,
                  on_epoch=progress.epoch, checkpoint=checkpoint,
                  content=options.content and known_of(
                      options.content, events, Path(options.out).parent),
                  start=options.start and Recommender.load(options.start),
                  frozen=options.freeze)  # fmt: skip
    except KeyboardInterrupt:
        if Path(checkpoint).exists():
            said = f"{checkpoint} keeps the last epoch: go on with --resume"
            raise KeyboardInterrupt(said) from None
        raise


def evaluate(options):
    model = Recommender.load(options.model)
    events = None if options.events is None else read_log(options)
    exclude_seen, began = not options.keep_seen, time.perf_counter()
    found = compare.compare(model, events, exclude_seen)
    print(report.table(found))
    if options.plot:
        shown = metrics.reliability(model.score, *model.targets(events), exclude_seen)
        print("\n" + report.reliability(shown))
        plots.reliability(shown, options.plot)
        print(f"drawn in {options.plot}")
    write_json(options, compare.as_json(found, model, events, began))


def recommend(options):
    if options.all != bool(options.to):
        raise InputError("--all needs --to FILE.csv, and --to needs --all")
    model = Recommender.load(options.model)
    if options.all:
        return recommend_to_all(model, options)
    items, probabilities = model.recommend(options.user, options.history, options.k,
                                           exclude_seen=not options.keep_seen)  # fmt: skip
    print(report.items(model.catalogue, items, probabilities))
    if len(items) < options.k:
        print(f"  no more than these {len(items)} are left; --keep-seen shows seen ones too")
    rows = zip(items, probabilities, strict=True)
    write_json(options, [{"item": i, "probability": float(p)} for i, p in rows])


def recommend_to_all(model, options):
    """A CSV line for each user and rank."""
    items, probabilities = model.recommend(
        users="all", k=options.k, exclude_seen=not options.keep_seen,
        on_step=report.many_done if sys.stderr.isatty() else None,
    )  # fmt: skip
    with outputs.aside(options.to, 40 * items.size, outputs.TEXT) as file:
        lines = csv.writer(file)
        lines.writerow(["user", "rank", "item", "probability"])
        for user, *best in zip(model.catalogue.users, items, probabilities, strict=True):
            for rank, (item, probability) in enumerate(zip(*best, strict=True), start=1):
                if item is not None:
                    lines.writerow([user, rank, item, f"{probability:.6g}"])
    print(f"{options.to}: the {items.shape[1]} best items for each of {len(items):,} users")


def explain(options):
    model, who = Recommender.load(options.model), (options.user, options.history)
    if options.item is None:
        asked = *who, options.k, not options.keep_seen
        found = explaining.parts(model, *asked)
        print(report.explanation(found, model.catalogue) + "\n")
        print(report.because(explaining.because(model, *asked), model.catalogue))
    else:
        found = explaining.contributions(model, options.item, *who)
        print(report.contributions(found, model.past(*who), model.catalogue, options.k))
    if options.plot and options.item is None:
        plots.explanation(found, model.catalogue, options.plot)
    elif options.plot:
        titles = [model.catalogue.title(number) for number in model.past(*who).items]
        plots.history(found, titles, options.plot)
    if options.plot:
        print(f"drawn in {options.plot}")
    if options.html:
        page.write(model, options.html, *who)
        print(f"{options.html}: open it in a browser")


def bench(options):
    from .lab import bench

    if options.live:
        from .lab import live

        for items in live.ITEMS:
            milliseconds, session = live.latency(items)
            show([report.latency(items, milliseconds, session.nbytes())])
        return show([report.load(*live.load())])
    if options.scaling:
        return show(starmap(report.scaling, bench.scaling(options.threads)))
    if options.reading:
        from .lab import reading as reading_lab

        return show(starmap(report.reading, reading_lab.compare()))
    if options.torch and importlib.util.find_spec("torch") is None:
        raise InputError("--torch: PyTorch is not installed here; leave it out or install torch")
    found = bench.run(bench.sizes(vars(options)), options.threads, options.torch)
    print(report.bench(found))
    if options.plot:
        plots.bench(found, options.plot)


def show(lines):
    for line in lines:
        print(line, flush=True)


def study(options):
    from .lab import study

    options.events = options.events or SHOP
    events = read_log(options)
    given = {name: getattr(options, name) for name in ("epochs", "split", "threads")}
    if options.explain:
        model = Recommender(**given).fit(events)
        return show(f"{text}\n" for text in study.explanations(model, options.events == SHOP))
    if options.tasks:
        from .live import tasks

        learnt = tasks.learn(Recommender(**given).fit(events), events)
        print(report.tasks(learnt.tasks_, tasks.evaluate(learnt, events)))
        return
    if options.cold:
        from .lab import cold

        content = known_of(options.content or "tfidf", events)
        show([report.cold_heading(options.seeds)])
        rows = list(cold.study(events, content, given, options.seeds))
        show(starmap(report.cold, rows))
        if options.plot:
            plots.trade_off(*cold.trade_off(rows), options.plot)
            print(f"drawn in {options.plot}")
        return
    show([report.study_heading(options.seeds)])
    show(starmap(report.study, study.study(events, given, options.seeds)))


def compress(options):
    from .live import compress

    model = Recommender.load(options.model)
    if options.how or options.out:
        smaller = compress.compressed(model, options.how)
        if not options.out:
            raise InputError("--how needs --out FILE")
        smaller.save(options.out)
        print(f"saved {options.out}, {Path(options.out).stat().st_size:,} bytes")
        return
    show(report.compressions(compress.compare(model)))
    print("keep one with --how")


def serve(options):
    missing = [name for name in ("starlette", "uvicorn") if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(f"serve needs {missing[0]}: pip install 'tinyrec[serve]'")
    from .live import serve

    log = options.log or f"{options.model}.events.sqlite"
    outputs.check([log, f"{log}.lock"], [options.model], force=True)  # it is only added to
    model = Recommender.load(options.model)
    with store.held(log):
        serve.serve(model, log, options.host, options.port)


def fetch(options):
    """Download MovieLens unless it is there; says what to run next."""
    if movielens.is_there(options.name, options.folder):
        print(f"{Path(options.folder) / options.name}: already there, nothing to download\n")
    else:
        print(movielens.LICENCE + "\n", flush=True)
    progress = report.download_bar() if sys.stderr.isatty() else None
    folder = movielens.fetch(options.name, options.folder, progress=progress)
    dataset = movielens.DATASETS[options.name]
    log, titles = str(folder / dataset.events), str(folder / dataset.titles)
    print("now run\n  " + shlex.join(["tinyrec", "train", log, "--items", titles]))
    print("  tinyrec recommend model.npz --user 1")


def check(options):
    if options.hint is not None:
        print(course.hint(options.exercise, options.hint))
        return 0
    if options.file is None:
        raise InputError("check needs the file to judge, or --hint N")
    asked = options.exercise, options.file, options.language
    if options.gradescope and not Path(options.file).is_file():
        write(options.gradescope, as_gradescope(nothing_handed_in(*asked)))
    for _ in saved(options.file) if options.watch else [None]:
        verdict = check_file(*asked, options.seed, options.count_hints)
        print(verdict, flush=True)
        write_json(options, as_json(verdict))
        if options.gradescope:
            write(options.gradescope, as_gradescope(verdict))
    return 0 if verdict.passed else 1


def plan_course(options):
    for line in course.run(options.action, options.dir, options.seed, options.count_hints):
        print(line, flush=True)


def check_gradients(options):
    lines = list(gradcheck.report(settings.backend("fast" if options.fast else "readable")))
    show(map(report.gradient, lines))
    return 1 if any(line.wrong for line in lines) else 0


def write_json(options, found):
    """To where --json says: a file, or standard output, which then has nothing else."""
    if options.json == "-":
        print(json.dumps(found, indent=1), file=options.printed)
    elif options.json:
        write(options.json, found)


def write(path, found):
    outputs.write(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def with_dashes(arguments):
    """The arguments with `--user -u1` as `--user=-u1`: ids may begin with a dash."""
    joined = []
    for argument in arguments:
        if joined and joined[-1] in ("--user", "--history") and argument[:2] != "--":
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined


def ids_of(text):
    return [item.strip() for item in text.split(",")]


READING = ["--columns", "--keep-na", "--strict", "--force"]
COMMANDS = {  # name: what runs, what it is, what it takes; a setting's name stands for its option
    "train": (train, "Train on a log, compare with baselines, save the model.",
              ["EVENTS", *READING, "--items", "--content", "--out", "--resume", "--no-fast",
               "--keep-seen", "--json", "--start", "--freeze", "--mpi", *settings.TABLE,
               "threads"]),
    "evaluate": (evaluate, "Measure a saved model and the baselines.",
                 ["MODEL", "EVENTS", *READING, "--keep-seen", "--plot", "--json"]),
    "recommend": (recommend, "The best items for a user or a history.",
                  ["MODEL", "--user", "--history", "--all", "--to", "-k", "--keep-seen",
                   "--json", "--force"]),
    "explain": (explain, "What the best items for a user rest on.",
                ["MODEL", "--user", "--history", "--item", "-k", "--keep-seen", "--plot",
                 "--html", "--force"]),
    "bench": (bench, "Time NumPy's layers against the compiled ones.",
              ["dim", "hidden", "negatives", "max_len", "threads", "--torch", "--scaling",
               "--reading", "--live", "--plot", "--force"]),
    "study": (study, "Train with one thing changed at a time; compare on test.",
              ["EVENTS", *READING, "--items", "epochs", "split", "--seeds", "--explain", "--cold",
               "--content", "--plot with --cold", "--tasks", "threads"]),
    "compress": (compress, "A model in less memory, and what that costs.",
                 ["MODEL", "--how", "--out with --how", "--force"]),
    "serve": (serve, "Recommend over HTTP, as events come in.",
              ["MODEL", "--port", "--host", "--log"]),
    "fetch": (fetch, "Download MovieLens from GroupLens, for research.", ["NAME", "--to FOLDER"]),
    "check": (check, "Judge your own solution of an exercise.",
              ["EXERCISE", "FILE", "--watch", "--hint", "--seed", "--count-hints", "--language",
               "--json", "--gradescope", "--force"]),
    "course": (plan_course, "A term's course: its plan, what to hand out, how far somebody is.",
               ["ACTION", "DIR", "--seed", "--count-hints"]),
    "gradcheck": (check_gradients, "Check every gradient numerically.", ["--fast"]),
}  # fmt: skip
FILE = {"metavar": "FILE"}
OPTIONS = {
    "MODEL": {"help": "a file that train wrote"},
    "EVENTS": {"nargs": "?", "help": "a log (the bundled shop; the model's own)"},
    "NAME": {"choices": movielens.DATASETS},
    "EXERCISE": {"help": ", ".join(EXERCISES)},
    "FILE": {"nargs": "?", "help": "a Python file with your functions"},
    "ACTION": {"nargs": "?", "choices": ("new", "grading", "solutions", "progress"),
               "help": "new, grading, solutions, progress: see notebooks/teaching.md"},
    "DIR": {"nargs": "?", "help": "the folder to write, or whose files to judge"},
    "--watch": {"action": "store_true", "help": "judge at every save, until Ctrl-C"},
    "--hint": {"metavar": "N", "type": int, "help": "the first, second or third hint instead"},
    "--seed": {"metavar": "N", "type": settings.from_text("seed", settings.TABLE["seed"]),
               "help": "the same cases again"},
    "--count-hints": {"metavar": "N", "default": 0, "help": "points a hint costs (%(default)s)",
                      "type": settings.from_text("count-hints", Setting(int, 0, (0, 100), ""))},
    "--columns": {"metavar": "user=NAME,item=NAME,…", "help": "names or numbers of columns"},
    "--keep-na": {"action": "store_true", "help": "NA and the like are ids"},
    "--strict": {"action": "store_true", "help": "stop at a broken row"},
    "--force": {"action": "store_true",
                "help": "even if one row in twenty is not usable; write over others' files"},
    "--items": FILE | {"help": "titles of the items, and what else is known of them"},
    "--content": {"metavar": "tfidf|FOLDER|FILE.npz",
                  "help": "learn from the items' texts, by TF-IDF or a BERT, or from vectors"},
    "--out": FILE | {"default": "model.npz", "help": "%(default)s"},
    "--plot with --cold": FILE | {"help": "with --cold: draw what new items take from known ones"},
    "--out with --how": FILE | {"help": "with --how: write the smaller model there"},
    "--resume": {"action": "store_true", "help": "go on after an interruption"},
    "--no-fast": {"action": "store_true", "help": "use the readable layers"},
    "--fast": {"action": "store_true", "help": "those of the compiled layers"},
    "--keep-seen": {"action": "store_true", "help": "rank what was seen before too"},
    "--json": FILE | {"help": "write the figures there as well; -: to standard output, alone"},
    "--mpi": {"action": "store_true", "help": "as a rank of mpiexec -n N tinyrec train … --mpi"},
    "--start": {"metavar": "MODEL", "help": "begin with its parameters, where ids are the same"},
    "--freeze": {"metavar": "E,W,…", "type": ids_of, "default": [],
                 "help": "parameters to leave as they begin"},
    "--language": {"choices": ("en", "zh"), "default": "en", "help": "of the messages"},
    "--gradescope": FILE | {"help": "write Gradescope's results.json"},
    "--plot": FILE | {"help": "draw it as well"},
    "--user": {"metavar": "ID"},
    "--history": {"metavar": "ID,ID,…", "type": ids_of},
    "--item": {"metavar": "ID", "help": "what each event adds to this one"},
    "--html": FILE | {"help": "a page to step through"},
    "--explain": {"action": "store_true", "help": "put explanations to the test instead"},
    "-k": {"type": settings.from_text("k", K), "default": 10, "help": "how many (%(default)s)"},
    "--torch": {"action": "store_true", "help": "PyTorch at its best, and padded"},
    "--reading": {"action": "store_true", "help": "read ten million rows, beside pandas"},
    "--scaling": {"action": "store_true", "help": "time against size of the log"},
    "--live": {"action": "store_true", "help": "how quick a session is"},
    "--cold": {"action": "store_true", "help": "how well items do that were never taken"},
    "--tasks": {"action": "store_true", "help": "will it be bought, how will it be rated?"},
    "--how": {"metavar": "WAY", "help": "save it so: int8, float16, low-rank, fewer-units"},
    "--port": {"type": settings.from_text("port", Setting(int, None, (0, 65535), "")),
               "default": 8000, "help": "%(default)s; 0: a free one"},
    "--host": {"default": "127.0.0.1", "help": "%(default)s: this machine only"},
    "--log": FILE | {"help": "keep events there (MODEL.events.sqlite)"},
    "--seeds": {"type": settings.from_text("seeds", Setting(int, None, (1, 10**6), "")),
                "default": 3, "help": "runs a row (%(default)s)"},
    "--all": {"action": "store_true", "help": "everybody at once, written --to a .csv"},
    "--to": FILE | {"help": "with --all: the .csv file"},
    "--to FOLDER": {"dest": "folder", "metavar": "FOLDER", "default": "data",
               "help": "%(default)s"},
}


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise InputError(f"{message}; see {self.prog} --help")


def parser():
    top = Parser(prog="tinyrec", description="Long- and short-term interest recommender.")
    top.add_argument("--version", action="version", version=f"tinyrec {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command, (run, help, options) in COMMANDS.items():
        added = commands.add_parser(command, help=help, description=help)
        added.set_defaults(run=run)
        if "--user" in options:
            who = added.add_mutually_exclusive_group(required=True)
        for name in options:
            flag, about = (name, OPTIONS[name]) if name in OPTIONS else settings.option(name)
            if name.isupper():
                flag, about = name.lower(), about | {"metavar": name}
            one_of = name in ("--user", "--history", "--all")
            (who if one_of else added).add_argument(flag.split()[0], **about)
    return top

