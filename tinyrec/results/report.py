"""Every text that the command line prints: functions that return lines, and a progress line."""

import sys
import time

import numpy as np

from ..train.loop import best_epoch
from ..train.ranks import predicted
from .calibration import BINS

HEADINGS = {
    "hr@10": "HR@10", "ndcg@10": "NDCG@10", "mrr": "MRR", "precision@10": "prec@10",
    "recall@10": "recall@10", "f1@10": "F1@10", "auc": "AUC", "accuracy": "accuracy",
    "rmse": "RMSE", "ece": "ECE",
}  # fmt: skip
COLUMN = 11  # characters
HELD_OUT = {
    "last": "each user's last event held out",
    "time": "each user's first event after one point in time",
    "other": "each user's last event in the file",
}
K = 10  # the length of the list that the table is about


def table(found):
    """A results.compare.Comparison, with what is ranked and what counts as missed."""
    users, items, repeats = found.users, found.items, found.repeats
    seen = "excluded" if found.exclude_seen else "kept"
    lines = [f"{users:,} users, {HELD_OUT[found.split]}; all {items:,} items ranked, "
             f"seen ones {seen}"]  # fmt: skip
    if found.clock:
        alone = ", the oracle is not" if "oracle" in found.rows else ""
        lines.append("tinyrec is told when it is asked, as while serving: the target's time "
                     f"(--no-clock: not){alone}")  # fmt: skip
    if repeats:
        missed = "count as missed" if found.exclude_seen else "can be hit"
        lines.append(f"{repeats:,} of the {users:,} targets were seen before: they {missed}")
    if found.exclude_seen and repeats > users / 20:
        lines.append("where people take things again, --keep-seen ranks seen items too")
    if items <= K:
        return "\n".join([*lines, f"nothing to rank: a list of {K} holds all {items} items"])
    width = max(map(len, found.rows))
    lines += ["", " " * width + "".join(heading.rjust(COLUMN) for heading in HEADINGS.values())]
    for model, metrics in found.rows.items():
        cells = "".join(f"{metrics[name]:{COLUMN}.4f}" for name in HEADINGS)
        lines.append(model.ljust(width) + cells)
    return "\n".join(lines)


def understood(events, name):
    """What a log holds once it is clean, and what each rule removed."""
    lines = [f"{name}: {events.understood}",
             f"{len(events.users):,} users, {len(events.items):,} items, "
             f"{len(events.item):,} events ({', '.join(events.kinds)})"]  # fmt: skip
    return "\n".join(lines + [f"  {count:>7,} {rule}" for rule, count in events.report])


def content(ids, vectors, source, events):
    """What is known of the items, of how many."""
    here = len(set(ids) & set(events.items))
    return (f"content: {source}, {vectors.shape[1]} numbers an item, known of {here:,} of the "
            f"log's {len(events.items):,} items and of {len(ids) - here:,} others")  # fmt: skip


def items(catalogue, raw, probabilities=None):
    """A line an item: its place and chance, if given, its id and its title."""
    lines = []
    for row, item in enumerate(raw):
        chance = "" if probabilities is None else f"{row + 1:>3}. p = {probabilities[row]:.3f}  "
        lines.append(f"  {chance}{item}  {catalogue.titles.get(item, '')}".rstrip())
    return "\n".join(lines)


def kept(model, files):
    """Which epoch a training kept, and the files of the model and of its picture."""
    line = f"kept epoch {best_epoch(model.history_)['epoch']}"
    if len(model.history_) < model.settings["epochs"]:
        line += ", ended as none got better"
    return line + (f"; saved {files[0]}, learning curve in {files[1]}" if files else "")


def example(model, exclude_seen=True):
    """Recommendations for the first user of the log with three steps or more."""
    log, ids = model.log, model.catalogue
    lengths = log.starts[1:] - log.starts[:-1]
    user = int((lengths >= min(3, lengths.max())).argmax())
    start, stop = log.starts[user : user + 2]
    last = ids.items[log.items[max(start, stop - 3) : stop]]
    best = model.recommend(user=ids.users[user], exclude_seen=exclude_seen)
    return "\n".join([
        f"Recommendations for {ids.users[user]}, {stop - start} steps so far, the last with:",
        items(ids, last), "", items(ids, *best),
    ])  # fmt: skip


def explanation(found, catalogue):
    """The parts of each logit, from explain.parts."""
    lines = ["logit z =  long-term + short-term + the events just seen + everyone's; "
             "of the past, most to the long-term"]  # fmt: skip
    for row, number in enumerate(found.items):
        parts = found.long[row], found.short[row], found.recent[row], found.base[row]
        terms = "{:6.2f} = {:6.2f} {:+6.2f} {:+6.2f} {:+6.2f}".format(sum(parts), *parts)
        most = found.history[found.events[row].argmax()]
        known = "" if found.content is None else f" (content {found.content[row]:+.2f})"
        lines.append(f"{terms}{known}  {catalogue.title(number)}  <-  {catalogue.title(most)}")
    return "\n".join(lines)


def because(found, catalogue):
    """A sentence for each of explain.because (sentence.py)."""
    lines = []
    for one in found:
        causes = " and ".join(dict.fromkeys(map(catalogue.title, one.causes)))
        said = [f"because of {causes}"] if causes else []
        if one.word is not None:
            said.append(f"you often take “{one.word}”: {one.times} of {one.of}, "
                        f"others {one.others:.0%}")  # fmt: skip
        new = "new, and like what is " if one.item >= catalogue.learnt else ""
        said = said or [f"it is {new}liked by everyone"]
        lines.append(f"{catalogue.title(one.item)}: {'; '.join(said)}")
    return "\n".join(lines)


def contributions(found, past, catalogue, k=10):
    """What the past events add to an item's logit, from explain.contributions; k of them."""
    order = np.argsort(-abs(found), kind="stable")
    lines = ["adds to the logit   event"]
    for at in order[:k]:
        back = len(found) - at
        lines.append(f"{found[at]:+17.2f}   −{back} {catalogue.title(past.items[at])}")
    if len(order) > k:
        rest = found[order[k:]]
        lines.append(f"{rest.sum():+17.2f}   the other {len(rest)} events, each "
                     f"{abs(rest).max():.2f} at the most")  # fmt: skip
    return "\n".join(lines)


def faithful(found, columns):
    """How explanations stand the tests, from explain.faithful.test, and what each test is."""
    lines = ["explanation   " + "".join(name.rjust(10) for name in columns)]
    for method, row in found.items():
        lines.append(method.ljust(14) + "".join(f"{row[name]:10.3f}" for name in columns))
    return "\n".join([*lines, "", *(f"{name:<10}{what}" for name, what in columns.items())])


def planted(found):
    """How often what the shop planted comes first, from explain.faithful.planted."""
    return "\n".join([
        "what was planted comes first   on from the step before   an old habit",
        *(f"{method:<28}{row['session']:25.3f}{row['habit']:16.3f}"
          for method, row in found.items()),
    ])  # fmt: skip


def importance(found):
    """NDCG@10 with one thing shuffled, from explain.importance."""
    whole = found["nothing"]
    return "\n".join([
        "shuffled              NDCG@10      lost",
        *(f"{what:<20}{value:9.4f}{1 - value / max(whole, 1e-9):10.0%}"
          for what, value in found.items()),
    ])  # fmt: skip


def linear(quality, coefficients, agreed):
    """The interpretable model: how good, what it says, how often it says what the network does."""
    return "\n".join([
        "                        HR@10   NDCG@10",
        *(f"{name:<20}{found['hr@10']:9.4f} {found['ndcg@10']:9.4f}"
          for name, found in quality.items()),
        f"of ten items {10 * agreed[0]:.1f} are the same, "
        f"the best one for {agreed[1]:.0%} of users",
        "", "coefficient, for a step of one standard deviation",
        *(f"{value:+11.2f}  {name}" for name, value in coefficients.items()),
    ])  # fmt: skip


def reliability(found):
    """Shown chances against what happened, from metrics.reliability."""
    lines = ["shown chance      offers  shown in all  taken  taken / shown"]
    for low, high, offers, shown, taken in zip(BINS, BINS[1:], *found, strict=False):
        ratio = f"{taken / shown:14.2f}" if shown else ""
        lines.append(f"{low:5g} to {high:<5g} {offers:10,.0f} {shown:13.1f} {taken:6,.0f} {ratio}")
    return "\n".join(lines)


def bench(found):
    """The figures of lab.bench.run."""
    one, every = found["product"][1], found["product"][found["threads"]]
    lines = [
        f"a large matrix product: {one:.0f} GFLOP/s on one thread, {every:.0f} on "
        f"{found['threads']}", "",
        "one block, one thread     NumPy  compiled   times  GFLOP/s  of a product",
    ]  # fmt: skip
    for part, slow, quick, work in found["parts"]:
        line = f"{part:<20} {slow * 1e3:7.2f} ms {quick * 1e3:6.2f} ms {slow / quick:7.1f}"
        rate = work / quick if work else 0
        lines.append(line + (f"  {rate:7.0f}  {rate / one:12.0%}" if work else ""))
    lines += ["", f"an epoch of {found['steps']:,} steps, {found['threads']} threads; learning "
              "alone, nobody validates"]  # fmt: skip
    _, ours, ours_cpu = found["epochs"][0]
    for name, seconds, cpu in found["epochs"]:
        rate = found["GFLOP"] / seconds
        lines.append(f"{name:<20} {seconds:7.2f} s  {seconds / ours:5.2f} times  "
                     f"{cpu:7.2f} s of CPU  {cpu / ours_cpu:5.2f} times  "
                     f"{found['steps'] / seconds:9,.0f} steps/s  {rate:5.0f} GFLOP/s  "
                     f"{rate / every:4.0%} of a product")  # fmt: skip
    return "\n".join(lines)


def scaling(what, events, seconds):
    return (f"{what:<16} {events:>10,} events {seconds:7.2f} s an epoch  "
            f"{seconds / events * 1e6:5.2f} s a million")  # fmt: skip


def reading(reader, events, seconds, gigabytes):
    return (f"{reader:<10} {events:>10,} events {seconds:6.1f} s of CPU  {gigabytes:5.2f} GB at "
            "the peak")  # fmt: skip


def study_heading(seeds):
    return f"{f'means of {seeds} seeds':<34}   {'HR@10':<15}   {'NDCG@10':<15}   training"


def study(row, found, seconds):
    """One row of the study: means over the seeds ± their standard deviation."""
    cells = [row.ljust(34)]
    for name in ("hr@10", "ndcg@10"):
        values = [metrics[name] for metrics in found]
        mean = sum(values) / len(values)
        spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
        cells.append(f"{mean:.4f} ± {spread:.4f}")
    return "   ".join([*cells, f"{seconds:6.1f} s"])


def cold_heading(seeds):
    return (f"{f'NDCG@10, means of {seeds} seeds':<34}   cold among cold   cold among all   "
            "warm among all")  # fmt: skip


def cold(row, lift, found):
    """One row of lab.cold.study: content, and what it gives items that nobody has taken."""
    means = [sum(metrics[name] for metrics in found) / len(found) for name in found[0]]
    row += " content" + (f", odds of new × {lift}" if lift != 1 else "")
    return f"{row:<34}   {means[0]:15.4f}   {means[1]:14.4f}   {means[2]:14.4f}"


def ranks(cost, seconds, ranks, bandwidth=1e9):
    """What a training on several ranks took, and what it would on more (train/ranks.py)."""
    rest = seconds - cost.here - cost.exchange
    many = (1, 2, 4, 8, 16, 32)
    expected = "  ".join(f"{n}: {predicted(cost, seconds, n, bandwidth):.1f} s" for n in many)
    return (
        f"{ranks} ranks, {seconds:.1f} s: {cost.here:.1f} s in blocks, {cost.exchange:.1f} s to "
        f"wait and to exchange {cost.nbytes / 1e6:,.0f} MB, {rest:.1f} s that each rank does\n"
        f"a batch: {1e3 * cost.blocks / cost.exchanges:.1f} ms in blocks against "
        f"{cost.nbytes / 1e6 / cost.exchanges:.2f} MB from all ranks to each\n"
        f"expected of n machines, a rank each, that get {bandwidth / 1e9:g} GB a second, if "
        f"blocks are shared evenly and nothing overlaps\n  {expected}"
    )  # fmt: skip


def latency(items, milliseconds, nbytes):
    """What lab.live.latency found."""
    (middle, cpu), (most, most_cpu) = np.percentile(milliseconds, [50, 99], axis=0)
    return (f"{items:>9,} items: an event and the ten best in {middle:.2f} ms (p50), "
            f"{most:.2f} ms (p99), of CPU {cpu:.2f} and {most_cpu:.2f}; "
            f"{nbytes:,} bytes a session")  # fmt: skip


def load(milliseconds, refused):
    """What lab.live.load found."""
    middle, most = np.percentile(milliseconds, [50, 99])
    return (f"a thousand users side by side: {len(milliseconds):,} answers in {middle:.1f} ms "
            f"(p50), {most:.1f} ms (p99), {refused} refused")  # fmt: skip


def compressions(found):
    """Yields lines for the rows of live.compress.compare."""
    yield "               item table        all parameters    to score all   HR@10   NDCG@10"
    first = None
    for name, in_table, in_all, milliseconds, metrics in found:
        first = first or (in_table, in_all, metrics["ndcg@10"])
        shares = [size / whole for size, whole in zip((in_table, in_all), first, strict=False)]
        yield (f"{name:<12} {in_table:>10,} {shares[0]:5.0%} {in_all:>12,} {shares[1]:5.0%} "
               f"{milliseconds:10.3f} ms   {metrics['hr@10']:.4f}   {metrics['ndcg@10']:.4f} "
               f"{metrics['ndcg@10'] / first[2]:6.1%}")  # fmt: skip


def tasks(losses, found):
    """What live.tasks.learn and evaluate found: each task's losses apart, then its measures."""
    lines = []
    for task, epochs in losses.items():
        best = min(epochs, key=lambda both: both[1])
        lines += [f"{task:<8} loss {epochs[0][0]:.4f}, at best {best[0]:.4f}; "
                  f"in validation {epochs[0][1]:.4f}, {best[1]:.4f}"]  # fmt: skip
    return "\n".join(lines + [f"{name:<28} {value:.4f}" for name, value in found.items()])


def gradient(line):
    """One Line of the gradient check."""
    return (f"{line.layer:<10} {line.name:<11} T = {line.steps}  error {line.error:.1e}  "
            f"{'WRONG' if line.wrong else 'ok'}")  # fmt: skip


def duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


class Progress:
    """Prints a line an epoch, and where someone is watching also how far the epoch is."""

    def __init__(self, compiling):
        self.began, self.done, self.compiling = time.perf_counter(), 0, compiling
        if compiling:
            print("compiling the inner loops …", flush=True)

    def step(self, done, all):
        if self.compiling:
            print(f"compiled, with the first step, in {time.perf_counter() - self.began:.1f} s")
            self.compiling, self.began = False, time.perf_counter()
        if sys.stderr.isatty():
            print(f"\r  {done}/{all} steps of this epoch ", end="", file=sys.stderr, flush=True)

    def epoch(self, history):
        entry = history[-1]
        self.done += 1
        each = (time.perf_counter() - self.began) / self.done
        left = duration(each * (entry["of"] - entry["epoch"]))
        if sys.stderr.isatty():
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        print(f"epoch {entry['epoch']:>3}/{entry['of']}  loss {entry['loss']:.5f}  "
              f"accuracy {entry['accuracy']:.3f}  validation NDCG@10 {entry['ndcg@10']:.4f} "
              f"of {entry['validation_users']:,} users  "
              f"{entry['seconds']:.1f} s, {entry['validation_seconds']:.1f} of them validating "
              f"({left} left)", flush=True)  # fmt: skip


def many_done(done, all):
    """How many blocks of users have been recommended to."""
    end = "\n" if done == all else ""
    print(f"\r  {done / all:4.0%} of the users ", end=end, file=sys.stderr, flush=True)


def download_bar():
    """A function of bytes done and in all that draws how far a download is."""
    began = time.perf_counter()

    def draw(done, total):
        left = duration((time.perf_counter() - began) * (total - done) / done)
        bar = "#" * (30 * done // total)
        print(f"  [{bar:<30}] {done / total:4.0%} of {total / 1e6:.1f} MB, {left} left  ",
              end="\n" if done == total else "\r", file=sys.stderr, flush=True)

    return draw
