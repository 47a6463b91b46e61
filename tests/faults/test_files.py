"""Files that are damaged, crafted or in the way, and what has been told to stop: nothing is lost,
nothing written out of bounds, and one line says what is wrong.
"""

import os
import random
import shutil
import signal
import time
import zipfile
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyrec import InputError, Recommender, fast, model, store
from tinyrec.__main__ import main
from tinyrec.live.compress import compressed
from tinyrec.preprocess.events import clean
from tinyrec.recommender import MADE_BY
from tinyrec.train import loop

pytestmark = pytest.mark.faults
KILLS = int(os.environ.get("TINYREC_KILLS", 12))
SMALL = {"dim": 4, "hidden": 6, "negatives": 5, "batch": 16, "epochs": 2, "lr": 1e-2,
         "layers": "readable"}  # fmt: skip
ITEMS = [f"i{number}" for number in range(12)]
CONTENT = ITEMS, np.random.default_rng(0).normal(size=(12, 5))


def log(kinds=("view", "buy"), step=3, rating="5", last="i1", each=6):
    """A log of 30 users with several kinds, times, and ratings of which some are missing."""
    rows = {"user": [], "item": [], "timestamp": [], "event": [], "rating": []}
    for at in range(180):
        rows["user"].append(f"u{at // each}")
        rows["item"].append(ITEMS[(at // 6 * 5 + at * step) % 12])
        rows["timestamp"].append(str(1_600_000_000 + 1000 * at * at))
        rows["event"].append(kinds[at % len(kinds)])
        rows["rating"].append("" if at % 7 == 0 else str(at % 4))
    rows["rating"][-1], rows["item"][-1] = rating, last
    return clean(rows)


@pytest.fixture(scope="module", autouse=True)
def unflushed():
    """Files of a test need not outlive the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of each kind, and a checkpoint: the same bytes at every run."""
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.time, "perf_counter", count().__next__)
        model = Recommender(**SMALL).fit(log(), content=CONTENT, checkpoint=folder / "c.npz")
    model.add_items(["new"], np.ones((1, 5)))
    model.save(folder / "m.npz")
    for how in ("int8", "low-rank"):
        compressed(model, how).save(folder / f"{how}.npz")
    return folder


def said(path):
    """What a model of this file answers."""
    model = Recommender.load(path)
    items, chances = model.recommend(users="all", k=3)
    return items.tolist(), chances.tolist(), model.evaluate(), model.history_, model.report


def told(path):
    """The one line in which a file is refused as a model."""
    with pytest.raises(InputError) as error:
        Recommender.load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


def rewritten(path, to, change):
    """The file with change(about, arrays) done to it, and a checksum that is right."""
    about, arrays = store.read(path, MADE_BY)
    change(about, arrays)
    store.write(to, about, arrays)
    return to


# Compiled code checks no bounds: before it runs, shapes are compared

f4 = np.float32
T, D, H, K, N = 3, 4, 8, 2, 5
x, h, ones = np.ones((2, T, D), f4), np.ones((2, T, H), f4), np.ones
items = np.zeros((2, T), int)


def layers():
    """Each compiled layer as (function, arguments that fit)."""
    weights = ones((D, 4 * H), f4), ones((H, 4 * H), f4), ones(4 * H, f4)
    square = ones((H, H), f4)
    interest = ones((2 * H, D), f4), ones(D, f4), ones(D, f4)
    table, logits = ones((N, D), f4), (ones((2, T), f4), ones((2, T, K), f4))
    yield fast.lstm.forward, (x, *weights)
    yield fast.lstm.backward, (h, fast.lstm.forward(x, *weights)[1])
    yield fast.interest.forward, (h, h, x, *interest)
    yield fast.interest.backward, (x, fast.interest.forward(h, h, x, *interest)[1])
    yield fast.attention.backward, (h, fast.attention.forward(h, square, square)[1])
    yield fast.scorer.forward, (x, table, ones(N, f4), items, items[:, :K])
    yield fast.loss.forward, (*logits, np.array([T, 1]), 1.0)
    yield fast.adam.update, (*(ones((N, D), f4) for _ in range(4)), (0.1, 0.9, 0.99, 1.0, 1e-8))


# another number of users or of negatives is another task, and no fault
FREE = {("larger", fast.lstm.forward, 0), ("longer", fast.scorer.forward, 4),
        ("longer", fast.loss.forward, 1)}  # fmt: skip
CHANGES = {
    "longer": lambda array: np.concatenate([array, array[..., -1:]], axis=-1),
    "larger": lambda array: np.concatenate([array, array[-1:]]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_compiled_layer_refuses_every_argument_of_another_shape(change):
    for function, arguments in layers():
        function(*arguments)
        for at, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray) and (change, function, at) not in FREE:
                wrong = list(arguments)
                wrong[at] = CHANGES[change](argument)
                with pytest.raises((ValueError, IndexError)):
                    function(*wrong)


def test_a_compiled_layer_refuses_an_item_that_is_not_in_the_table():
    for item in (-1, N):
        with pytest.raises(IndexError):
            fast.scorer.forward(x, ones((N, D), f4), ones(N, f4), items + item, items[:, :K])
    with pytest.raises(IndexError):
        fast.loss.forward(ones((2, T), f4), ones((2, T, K), f4), np.array([T + 1, 1]), 1.0)


# A file is what was written, or it is refused in one line


@pytest.mark.parametrize("name", ["m", "int8", "low-rank"])
def test_every_kind_of_model_is_loaded_as_it_was_saved(folder, tmp_path, name):
    Recommender.load(folder / f"{name}.npz").save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (folder / f"{name}.npz").read_bytes()
    assert said(tmp_path / "again.npz") == said(folder / f"{name}.npz")


RESHAPED = {
    "a row more": lambda a: np.append(a, a[-1:], axis=0),
    "a row less": lambda a: a[:-1],
    "a column more": lambda a: np.append(a, a[..., -1:], axis=-1),
    "an axis more": lambda a: a[None],
    "nothing": lambda a: a[:0],
    "complex": lambda a: a.astype("c8"),
    "bytes": lambda a: a.astype("S4"),
    "the other end first": lambda a: a.astype(a.dtype.newbyteorder()),
}


@pytest.mark.parametrize("how", RESHAPED)
@pytest.mark.parametrize("file", ["m", "int8", "low-rank"])
def test_an_array_of_another_shape_or_type_than_the_others_say_is_named(
    folder, tmp_path, file, how
):
    path = folder / f"{file}.npz"
    for name, array in store.read(path, MADE_BY)[1].items():
        wrong = RESHAPED[how](array)
        same = wrong.dtype == array.dtype and wrong.shape[1:] == array.shape[1:]
        if same and (name.startswith("split") or len(wrong) == len(array)):
            continue  # a split may have any number of rows
        rewritten(path, tmp_path / "x.npz", lambda _, a, n=name, wrong=wrong: a.update({n: wrong}))
        assert name.split()[0] in told(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [("param U", np.nan), ("param E", np.inf), ("log items", 13), ("log items", -1),
     ("log kinds", 2), ("log starts", 10**6), ("log starts", 1), ("split train", 10**12),
     ("split test", -5), ("split valid", 180), ("log numbers", np.nan), ("content C", np.nan)],
)  # fmt: skip
def test_a_number_out_of_its_range_is_named(folder, tmp_path, name, value):
    def change(_, arrays):
        arrays[name].flat[-1] = value

    assert name.split()[0] in told(rewritten(folder / "m.npz", tmp_path / "x.npz", change))


@pytest.mark.parametrize(
    ("name", "value"),
    [("settings", [1]), ("settings", {"dim": "x"}), ("settings", {}), ("users", None),
     ("users", ["a"]), ("users", ["u0"] * 30), ("items", [1] * 13), ("titles", ["a"]),
     ("titles", {"i1": 5}), ("texts", {"i1": 5}), ("kinds", []), ("kinds", "ab"),
     ("scales", {"rating": [0, 0, True]}), ("scales", {"since": [float("nan"), 1, False]}),
     ("calibration", [1, 2]),
     ("calibration", [1, 2, float("nan")]), ("history", [{}]), ("history", {"epoch": 1}),
     ("layers", 7), ("layers", "mine"), ("report", [["a"]]), ("added", -1), ("added", 13),
     ("added", True), ("run", 3)],
)  # fmt: skip
def test_what_a_models_text_says_is_checked(folder, tmp_path, name, value):
    for change in (lambda about, _: about.update({name: value}), lambda about, _: about.pop(name)):
        told(rewritten(folder / "m.npz", tmp_path / "x.npz", change))


def test_an_array_that_is_missing_or_unknown_is_named(folder, tmp_path):
    for name in store.read(folder / "m.npz", MADE_BY)[1]:
        rewritten(folder / "m.npz", tmp_path / "x.npz", lambda _, arrays, n=name: arrays.pop(n))
        assert name.split()[0] in told(tmp_path / "x.npz")
    more = rewritten(folder / "m.npz", tmp_path / "x.npz",
                     lambda _, arrays: arrays.update({"param x": np.ones(2)}))  # fmt: skip
    assert "param x" in told(more)


def test_what_only_some_models_have_is_there_whole_or_not_at_all(folder, tmp_path):
    table = np.ones((13, 4), np.float32)
    for file, name, array in (
        ("m", "param E scale", table[:, :1]), ("m", "param E codes", table),
        ("int8", "param E", table), ("int8", "param E basis", table),
        ("m", "param W bought", table[:4]), ("m", "param b rating", np.float32(1)),
    ):  # fmt: skip
        more = {name: np.asarray(array)}
        rewritten(folder / f"{file}.npz", tmp_path / "x.npz", lambda _, a, m=more: a.update(m))
        told(tmp_path / "x.npz")


def test_a_file_that_unpacks_to_more_than_it_holds_is_refused_before_it_does(folder, tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("about.npy", "param E.npy"):
            archive.writestr(name, bytes(10**7))
    told(bomb)
    claimed = {"descr": "<f4", "fortran_order": False, "shape": (10**11,)}
    header = b"\x93NUMPY\x01\x00v\x00" + repr(claimed).encode().ljust(117) + b"\n"
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("about.npy", header)
    told(bomb)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        assert "regular file" in told(path)
    for path in (tmp_path / "none.npz", tmp_path / "none" / "m.npz", tmp_path / ("x" * 999)):
        told(path)


def test_a_file_of_an_older_version_is_told_apart_from_damage(folder, tmp_path):
    path = rewritten(folder / "m.npz", tmp_path / "x.npz",
                     lambda about, _: about.update({"made by": "tinyrec model 3"}))  # fmt: skip
    assert "tinyrec model 3" in told(path)
    assert "train again" in told(path)
    with pytest.raises(InputError, match="tinyrec model"):
        store.read(folder / "m.npz", store.CHECKPOINT)


def resumed(path):
    """The parameters of a training that goes on from a checkpoint, to epoch 3."""
    return Recommender(**SMALL).fit(log(), content=CONTENT, checkpoint=path).params


@pytest.fixture(scope="module")
def expected(folder):
    return {"m.npz": said(folder / "m.npz"), "int8.npz": said(folder / "int8.npz"),
            "c.npz": resumed(folder / "c.npz")}  # fmt: skip


@given(data=st.data(), name=st.sampled_from(["m.npz", "int8.npz", "c.npz"]))
def test_any_mutation_of_a_file_is_refused_or_changes_nothing(folder, expected, data, name):
    raw = bytearray((folder / name).read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1) | st.integers(0, 200)
                   | st.integers(len(raw) - 3000, len(raw) - 1))  # fmt: skip
    how = data.draw(st.sampled_from(["flip", "cut", "drop", "repeat", "write"]))
    if how == "flip":
        raw[at] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "write":
        new = data.draw(st.binary(min_size=1, max_size=8))
        raw[at : at + len(new)] = new
    elif how == "cut":
        del raw[at:]
    else:
        until = at + data.draw(st.integers(1, 400))
        raw[at:until] = b"" if how == "drop" else raw[at:until] * 2
    mutated = folder / "mutated.npz"
    mutated.write_bytes(raw)
    try:
        if name == "c.npz":
            found = resumed(mutated)
            assert all(found[n].tobytes() == e.tobytes() for n, e in expected[name].items())
        else:
            assert said(mutated) == expected[name]
    except InputError as error:
        assert "\n" not in str(error)


values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
                   st.lists(st.integers(), max_size=3),
                   st.dictionaries(st.text(max_size=3), st.integers(), max_size=2))  # fmt: skip


@given(data=st.data())
def test_any_crafted_file_is_refused_or_answers(folder, data):
    """With a checksum that is right: what is let through has to be safe to compute with."""
    about, arrays = store.read(folder / "m.npz", MADE_BY)
    place = data.draw(st.sampled_from([*about, *arrays]))
    if place in about:
        about[place] = changed_text(about[place], data)
    else:
        array = arrays[place]
        how = data.draw(st.sampled_from([*RESHAPED, "a value"]))
        if how == "a value" and array.size:
            new = data.draw(st.sampled_from([0, 1, -1, 2**31 - 1, 181, 180, 13, 12, 1e38, np.nan]))
            with np.errstate(invalid="ignore"):
                array.flat[data.draw(st.integers(0, array.size - 1))] = (
                    new if array.dtype.kind == "f" else np.nan_to_num(new).astype(array.dtype)
                )
        elif how != "a value":
            arrays[place] = RESHAPED[how](array)
    store.write(folder / "crafted.npz", about, arrays)
    try:
        said(folder / "crafted.npz")
    except InputError as error:
        assert "\n" not in str(error)


def changed_text(value, data):
    """Something else in place of a JSON value, or of one inside it."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(value)))
        return value | {name: changed_text(value[name], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        return value[:at] + [changed_text(value[at], data)] + value[at + 1 :]
    return data.draw(values)


# A training that goes on is the same training


def fit(checkpoint=None, events=None, content=CONTENT, model=None, **changed):
    named = ("exclude_seen", "frozen", "on_epoch")
    more = {name: changed.pop(name) for name in named if name in changed}
    model = model or Recommender(**SMALL | changed)
    return model.fit(events or log(), content=content, checkpoint=checkpoint, **more)


OTHERS = {
    "another log": {"events": log(step=5)},
    "another content": {"content": (ITEMS, np.eye(12))},
    "another lr: 0.01 then, 0.02 now": {"lr": 0.02},
    "another epochs: 2 then, 1 now": {"epochs": 1},
    "another seed: 0 then, 1 now": {"seed": 1},
    "another layers: readable then, fast now": {"layers": "fast"},
    "another exclude_seen: True then, False now": {"exclude_seen": False},
    "another frozen: [] then, ['E'] now": {"frozen": ["E"]},
    "another max_len": {"max_len": 3},
}


@pytest.mark.parametrize("words", OTHERS)
def test_a_checkpoint_of_another_training_is_refused_and_says_what_differs(folder, words):
    before = (folder / "c.npz").read_bytes()
    with pytest.raises(InputError) as error:
        fit(folder / "c.npz", **OTHERS[words])
    assert all(word in str(error.value) for word in words.split("; "))
    assert (folder / "c.npz").read_bytes() == before


def test_another_item_number_kind_boundary_or_id_makes_another_log(folder):
    once, others = log(), [
        log(step=5), log(rating="1"), log(last="i4"), log(each=5), log(kinds=("buy", "view")),
        log(kinds=("view", "buy", "rate")),
    ]  # fmt: skip
    assert np.array_equal(once.item, others[3].item)
    for events in others:
        with pytest.raises(InputError, match="another log"):
            fit(folder / "c.npz", events=events)


def test_more_epochs_go_on_and_what_that_does_to_the_learning_rate_is_said(folder, tmp_path):
    shutil.copy(folder / "c.npz", tmp_path / "c.npz")
    with pytest.warns(UserWarning, match="begun for 2 epochs, now 3: the learning rate"):
        model = fit(tmp_path / "c.npz", epochs=3)
    assert [entry["of"] for entry in model.history_] == [2, 2, 3]


def test_a_training_that_was_stopped_anywhere_ends_with_the_same_bytes(tmp_path):
    def stop(history):
        if len(history) == stop.at:
            raise KeyboardInterrupt

    whole = fit(epochs=9, lr=0.3)
    assert len(whole.history_) < 9, "it should end as none got better"
    for stop.at in range(1, len(whole.history_) + 1):
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "c.npz", epochs=9, lr=0.3, on_epoch=stop)
    resumed = fit(tmp_path / "c.npz", epochs=9, lr=0.3)
    assert len(resumed.history_) == len(whole.history_)
    assert all(resumed.params[n].tobytes() == v.tobytes() for n, v in whole.params.items())


def test_a_training_that_is_complete_is_not_done_again(folder, tmp_path):
    fit().save(tmp_path / "m.npz")
    whole = Recommender.load(tmp_path / "m.npz")
    epochs = []
    whole.given = Recommender(**SMALL).given
    fit(tmp_path / "c.npz", model=whole, on_epoch=epochs.append)
    assert not epochs
    assert said(tmp_path / "m.npz")[2] == whole.evaluate()
    fit(tmp_path / "c.npz", model=whole, events=log(step=5), on_epoch=epochs.append)
    assert len(epochs) == 2, "another log is another training"


# Numbers that are none, and too many of them


def test_a_loss_that_is_no_number_keeps_the_best_epoch_and_says_where_it_was(monkeypatch):
    forward, calls = model.loss.forward, []

    def fail_later(*arguments):
        loss, cache = forward(*arguments)
        calls.append(1)
        return (loss if len(calls) < FEW else np.nan), cache

    once = fit()
    FEW = 10**9
    monkeypatch.setattr(model.loss, "forward", fail_later)
    fit()
    FEW = len(calls) // 2 + 1  # the first block of the second epoch
    calls.clear()
    with pytest.warns(UserWarning, match=r"nan in epoch 2, batch 1 of 2; give a smaller learning "
                                         r"rate than 0\.01\. Epoch 1, the best"):  # fmt: skip
        stopped = fit()
    assert stopped.history_[0]["ndcg@10"] == once.history_[0]["ndcg@10"]
    assert np.isfinite(stopped.recommend(user="u0")[1]).all()
    FEW, before = 1, stopped.evaluate()
    with pytest.raises(InputError, match="epoch 1, batch 1"):
        fit(model=stopped)
    assert stopped.evaluate() == before


def test_a_model_of_numbers_that_are_none_says_so_when_asked():
    broken = fit()
    broken.params["E"][3] = np.nan
    for ask in ({"user": "u0"}, {"history": ["i1"]}, {"users": "all"}):
        with pytest.raises(InputError, match="no numbers"):
            broken.recommend(**ask)
    for ask in (broken.evaluate, lambda: broken.predict_proba("u0", ["i1"])):
        with pytest.raises(InputError, match="no numbers"):
            ask()


def test_a_model_that_cannot_be_made_smaller_says_so(folder, tmp_path):
    def huge(_, arrays):
        arrays["param E codes"][...] = arrays["param E basis"][...] = store.LARGEST

    damaged = Recommender.load(rewritten(folder / "low-rank.npz", tmp_path / "x.npz", huge))
    with np.errstate(all="ignore"), pytest.raises(InputError, match="low-rank"):
        compressed(damaged, "low-rank")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"hidden": 2**40}, "hidden is 1099511627776: it has to be between 1 and 65,536"),
     ({"negatives": 10**9}, "negatives is 1000000000: it has to be between 1 and"),
     ({"max_len": 2**70}, "max_len is .* between 1 and 1,000,000"),
     ({"lr": 10**400}, "lr is 10{40,}: it has to be between"),
     ({"hidden": 2**16}, r"hidden 65,536.* needs about [\d,]+ bytes of memory, where there are"),
     ({"negatives": 10**6, "batch": 10**6}, "negatives 1,000,000.* needs about")],
)  # fmt: skip
def test_a_setting_too_large_is_refused_with_its_range_or_its_bytes(wrong, words):
    with pytest.raises(InputError, match=words):
        fit(**wrong)


def test_where_memory_ends_a_training_says_so_and_its_checkpoint_stays(folder, tmp_path):
    def end(history):
        raise MemoryError("12 GiB")

    with pytest.raises(InputError, match=r"not enough memory .*12 GiB.*smaller batch"):
        fit(tmp_path / "c.npz", on_epoch=end)
    store.read(tmp_path / "c.npz", store.CHECKPOINT)


def test_settings_of_numpys_types_train_are_saved_and_go_on(tmp_path):
    typed = {"dim": np.int64(4), "lr": np.float32(0.5), "clock": np.bool_(True),
             "split": np.str_("last"), "epochs": np.int8(2)}  # fmt: skip
    for _ in range(2):
        model = fit(tmp_path / "c.npz", **typed)
    model.save(tmp_path / "m.npz")
    assert Recommender.load(tmp_path / "m.npz").settings == model.settings
    with pytest.raises(InputError, match="clock is 'no': it has to be True or False"):
        Recommender(clock="no")


def test_a_history_of_which_some_ids_are_unknown_goes_on_with_the_known_ones():
    fitted = fit()
    with pytest.warns(UserWarning, match="the log does not have them: nothing, none"):
        found = fitted.recommend(history=["nothing", "i1", "none", "i2"])
    assert found[0].tolist() == fitted.recommend(history=["i1", "i2"])[0].tolist()
    with pytest.raises(InputError, match="nothing"):
        fitted.recommend(history=["nothing"])


# What ends a process, or a disk, leaves the file that was there


def killed(work, after):
    """Runs work() in a child that is killed after so many seconds: was it killed?"""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    until = time.monotonic() + after
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < until:
        time.sleep(0.002)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    return os.WIFSIGNALED(ended[1])


def end_here(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_whatever_moment_it_is_killed_at_a_training_ends_with_the_same_parameters(
    folder, tmp_path, monkeypatch
):
    """KILLS times (TINYREC_KILLS, 12 unless said), and at each step of saving."""
    expected, numbers, kills = Recommender.load(folder / "m.npz"), random.Random(0), 0
    checkpoint, path, events = tmp_path / "c.npz", tmp_path / "m.npz", log()

    def train():
        fit(checkpoint, events).save(path)

    def is_readable():
        for file, made_by in ((checkpoint, store.CHECKPOINT), (path, MADE_BY)):
            if file.exists():
                store.read(file, made_by)

    began = time.perf_counter()
    fit(tmp_path / "other.npz", events).save(tmp_path / "other.npz")
    longest = time.perf_counter() - began
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, end_here)
            assert killed(train, 60 * longest)
        is_readable()
    while kills < KILLS:
        kills += killed(train, numbers.uniform(0, 1.2 * longest))
        is_readable()
        if numbers.random() < 0.3:
            checkpoint.unlink(missing_ok=True)
    train()
    found = Recommender.load(path).params
    for name, value in found.items():
        assert value.tobytes() == expected.params[name][: len(value)].tobytes(), name


def test_a_full_disk_leaves_the_file_that_was_there_and_says_what_it_needs(folder, tmp_path):
    resource = pytest.importorskip("resource", reason="this system has no such limits")
    shutil.copy(folder / "m.npz", tmp_path / "m.npz")
    before, whole = (tmp_path / "m.npz").read_bytes(), Recommender.load(tmp_path / "m.npz")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(InputError, match=r"cannot be written .*it needs [\d,]+ bytes"):
            whole.save(tmp_path / "m.npz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "m.npz").read_bytes() == before
    assert os.listdir(tmp_path) == ["m.npz"]


def test_a_link_or_a_device_is_not_replaced_by_a_model(folder, tmp_path):
    (tmp_path / "link.npz").symlink_to(folder / "m.npz")
    os.mkfifo(tmp_path / "pipe")
    whole = Recommender.load(folder / "m.npz")
    for path in (tmp_path / "link.npz", tmp_path / "pipe", "/dev/full"):
        with pytest.raises(InputError, match="link or a device"):
            whole.save(path)
    assert (tmp_path / "link.npz").is_symlink()


# The same, as the command line says it


def command(capsys, *arguments):
    """A small training's exit code, and what it printed on each of the two streams."""
    sizes = [f"--{name}={SMALL[name]}" for name in ("dim", "hidden", "negatives", "batch")]
    code = main(["train", *map(str, arguments), "--no-fast", *sizes])
    return code, *capsys.readouterr()


@pytest.fixture
def rows(tmp_path):
    """A log as a file."""
    events = log()
    lines = [f"{events.users[u]},{events.items[i]},{t:.0f}\n"
             for u, i, t in zip(events.user, events.item, events.time, strict=True)]  # fmt: skip
    (tmp_path / "log.csv").write_text("user,item,timestamp\n" + "".join(lines))
    return tmp_path / "log.csv"


def test_resume_may_be_said_always(rows, capsys):
    always = rows, "--out", rows.with_name("m.npz"), "--resume", "--epochs"
    code, out, _ = command(capsys, *always, 2)
    assert (code, "begins anew" in out, "epoch   2/2" in out) == (0, True, True)
    whole = rows.with_name("m.npz").read_bytes()
    code, out, _ = command(capsys, *always, 2)
    assert (code, "is complete" in out, "epoch   1/2" in out) == (0, True, False)
    assert "NDCG@10" in out
    assert rows.with_name("m.npz").read_bytes() == whole
    code, out, _ = command(capsys, *always, 1)
    assert (code, "is complete" in out, "epoch   1/1" in out) == (0, False, True)


def test_the_command_line_warns_in_one_line_and_goes_on(rows, capsys, monkeypatch):
    run_epoch = loop.run_epoch

    def diverge(state, training, epoch, on_step):
        if epoch:
            raise loop.Diverged("the loss is nan in epoch 2")
        return run_epoch(state, training, epoch, on_step)

    monkeypatch.setattr(loop, "run_epoch", diverge)
    code, out, error = command(capsys, rows, "--out", rows.with_name("m.npz"), "--epochs", 3)
    assert (code, "NDCG@10" in out) == (0, True)
    assert "\ntinyrec: the loss is nan in epoch 2. Epoch 1, the best until then, is kept\n" in (
        "\n" + error
    )
    Recommender.load(rows.with_name("m.npz"))
