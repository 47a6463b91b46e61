"""The front door, on small invented logs and, where they are here, on real ones."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinyrec import InputError, Recommender, explain, read_events
from tinyrec import settings as table
from tinyrec.fast import replaced
from tinyrec.model import loss
from tinyrec.preprocess.events import clean
from tinyrec.results import metrics

SMALL = {"dim": 8, "hidden": 8, "negatives": 8, "batch": 16, "epochs": 2, "lr": 1e-2}
SMALL |= {"layers": "readable"}  # so small that compiling would take longer
SHARED = Path(__file__).parents[2] / "shared" / "data"


def cycling(users=60, length=8, items=12, first=0):
    """Everyone walks 0, 1, 2, … around a circle of items, from a place of their own."""
    rows = {"user": [], "item": []}
    for user in range(first, first + users):
        start = user * 5 % items
        rows["user"] += [f"u{user}"] * length
        rows["item"] += [f"{(start + step) % items:03}" for step in range(length)]
    return clean(rows)


@pytest.fixture(scope="module")
def fitted():
    return Recommender(**SMALL | {"epochs": 60, "dropout": 0.0}).fit(cycling())


def test_it_learns_what_comes_next(fitted):
    items, probabilities = fitted.recommend(history=[f"{item:03}" for item in range(6)], k=3)
    assert items[0] == "006"
    assert np.all(np.diff(probabilities) <= 0)
    assert fitted.evaluate()["hr@10"] == 1
    assert fitted.evaluate()["mrr"] > 0.9


def test_recommend_gives_raw_ids_and_leaves_out_what_was_seen(fitted):
    items, _ = fitted.recommend(user="u0", k=100)
    seen = {f"{item:03}" for item in range(8)}
    assert set(items) == {f"{item:03}" for item in range(12)} - seen
    everything, _ = fitted.recommend(user="u0", k=100, exclude_seen=False)
    assert len(everything) == 12


def test_many_users_at_once_get_what_each_gets_alone(fitted):
    items, probabilities = fitted.recommend(users="all", k=3)
    assert items.shape == probabilities.shape == (60, 3)
    for row, user in enumerate(fitted.catalogue.users):
        alone = fitted.recommend(user=user, k=3)
        assert items[row].tolist() == alone[0].tolist()
        assert probabilities[row] == pytest.approx(alone[1], rel=1e-4)
    some = fitted.recommend(users=["u7", "u3"], k=3)
    assert np.array_equal(some[0], items[[7, 3]])


def test_of_many_users_one_with_few_items_left_has_none_at_the_end(fitted):
    items, probabilities = fitted.recommend(users=["u0"], k=100)
    assert items.shape == (1, 12)
    assert [item is None for item in items[0]] == 4 * [False] + 8 * [True]
    assert np.all(probabilities[0, 4:] == 0)


@pytest.mark.parametrize("users", ["u0", ["nobody"]])
def test_many_users_have_to_be_a_list_of_known_ids(fitted, users):
    with pytest.raises(InputError, match=r"users is|nobody"):
        fitted.recommend(users=users)


def test_equal_items_are_recommended_in_the_catalogues_order():
    scores = np.array([1.0, 3, 2, 3, 2, -np.inf, 2])
    assert metrics.best(scores, 4).tolist() == [1, 3, 2, 4]
    assert metrics.best(scores, 9).tolist() == [1, 3, 2, 4, 6, 0, 5]


def test_predict_proba_gives_the_probabilities_recommend_shows(fitted):
    items, probabilities = fitted.recommend(user="u3", k=4)
    assert fitted.predict_proba("u3", items) == pytest.approx(probabilities)
    history = ["001", "002"]
    items, probabilities = fitted.recommend(history=history, k=4)
    assert fitted.predict_proba(history, items[::-1]) == pytest.approx(probabilities[::-1])


def test_an_explanations_parts_add_up_to_the_logits(fitted):
    found = explain.parts(fitted, user="u1", k=3)
    _, probabilities = fitted.recommend(user="u1", k=3)
    z = found.long + found.short + found.recent + found.base
    slope, offset, _ = fitted.calibration
    log_odds = slope * loss.log_odds(z, 12, 8, 0.75) + offset
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(probabilities, rel=1e-4)
    assert found.events.sum(axis=1) == pytest.approx(found.long, rel=1e-4)
    assert found.weights.sum() == pytest.approx(1, rel=1e-5)


def test_history_has_an_entry_an_epoch_and_the_best_one_is_kept(fitted):
    epochs = [entry["epoch"] for entry in fitted.history_]
    assert epochs == list(range(1, len(epochs) + 1))
    assert {"loss", "accuracy", "seconds", "hr@10", "ndcg@10"} <= set(fitted.history_[0])
    assert fitted.history_[-1]["loss"] < fitted.history_[0]["loss"]


def test_the_kept_parameters_are_those_of_the_best_epoch():
    model = Recommender(**SMALL | {"epochs": 6, "lr": 0.3})
    model.fit(cycling())
    best = max(entry["ndcg@10"] for entry in model.history_)
    again = metrics.quality(model.score, model.log, model.split.valid)
    assert again["ndcg@10"] == pytest.approx(best)


def test_a_saved_model_says_the_same_when_loaded(fitted, tmp_path):
    fitted.save(tmp_path / "m.npz")
    loaded = Recommender.load(tmp_path / "m.npz")
    for one, other in zip(
        fitted.recommend(user="u5"), loaded.recommend(user="u5"), strict=True
    ):
        assert np.array_equal(one, other)
    assert loaded.evaluate() == fitted.evaluate()
    assert loaded.history_ == fitted.history_
    assert loaded.settings == fitted.settings


def test_a_saved_model_holds_no_pickle(fitted, tmp_path):
    fitted.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_the_result_depends_on_the_seed_and_not_on_the_threads():
    events = cycling()
    one, three = (Recommender(**SMALL, threads=n).fit(events) for n in (1, 3))
    other_seed = Recommender(**SMALL, seed=1).fit(events)
    for name, value in one.params.items():
        assert np.array_equal(value, three.params[name]), name
    assert not np.array_equal(one.params["W"], other_seed.params["W"])


def test_a_training_that_goes_on_ends_where_an_uninterrupted_one_does(tmp_path):
    events, checkpoint = cycling(), tmp_path / "c.npz"
    whole = Recommender(**SMALL | {"epochs": 4}).fit(events)

    def stop_after_two(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Recommender(**SMALL | {"epochs": 4}).fit(
            events, on_epoch=stop_after_two, checkpoint=checkpoint
        )
    resumed = Recommender(**SMALL | {"epochs": 4})
    resumed.fit(events, checkpoint=checkpoint)
    for name, value in whole.params.items():
        assert np.array_equal(value, resumed.params[name]), name
    assert len(resumed.history_) == 4


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    Recommender(**SMALL).fit(cycling(), checkpoint=tmp_path / "c.npz")
    with pytest.raises(InputError, match=r"another lr: 0\.01 then, 0\.5 now"):
        Recommender(**SMALL | {"lr": 0.5}).fit(cycling(), checkpoint=tmp_path / "c.npz")


def test_training_that_diverges_stops_with_a_word():
    with pytest.raises(InputError, match="smaller learning rate"):
        Recommender(**SMALL | {"lr": 1e30, "epochs": 5}).fit(cycling())


def test_held_out_events_may_come_alone_or_with_their_histories():
    whole = cycling(length=8)
    past, last = cycling(length=7), clean(only_last(cycling(length=8)))
    model = Recommender(**SMALL).fit(past)
    assert model.evaluate(last) == pytest.approx(model.evaluate(whole))


def test_validation_events_are_history_by_the_time_of_the_test():
    past, valid = cycling(length=6), clean(only_last(cycling(length=7)))
    model = Recommender(**SMALL).fit(past, valid=valid)
    last = clean(only_last(cycling(length=8)))
    assert model.evaluate(last) == pytest.approx(model.evaluate(cycling(length=8)))
    items, _ = model.recommend(user="u0", k=100)
    assert not {f"{item:03}" for item in range(7)} & set(items)


def only_last(events):
    starts = np.flatnonzero(np.diff(events.user, append=-1) != 0)
    return {
        "user": [events.users[events.user[i]] for i in starts],
        "item": [events.items[events.item[i]] for i in starts],
    }


def test_with_valid_given_every_event_is_learnt_from():
    events = cycling(length=7)
    model = Recommender(**SMALL | {"epochs": 1}).fit(events, valid=cycling(length=8))
    spans = model.split.train
    assert (spans[:, 1] - spans[:, 0]).sum() == len(events.item)


def test_new_users_are_evaluated_and_an_unknown_target_is_a_miss(fitted):
    newcomers = cycling(users=10, first=100)
    assert fitted.evaluate(newcomers)["hr@10"] == 1
    unknown = clean({"user": ["x"] * 3, "item": ["000", "001", "never seen"]})
    assert fitted.evaluate(unknown)["hr@10"] == 0


def test_what_is_not_given_follows_the_log():
    few, many = np.tile([0, 6], (2_000, 1)), np.tile([0, 101], (9_000, 1))
    given = Recommender(hidden=32).given
    small, large = (table.follow(given, windows, 500) for windows in (few, many))
    assert small["hidden"] == large["hidden"] == 32
    assert small["dim"] < large["dim"]
    assert small["batch"] < large["batch"] == 80  # 8,000 of its events
    fewer_items = table.follow(given, few, 50)
    assert fewer_items["dropout"] < small["dropout"]
    assert fewer_items["negatives"] == 49
    shoppers = table.follow(given, np.tile([0, 6], (20_000, 1)), 500)
    assert small["dim"] < shoppers["dim"] == large["dim"]
    assert shoppers["lr"] < small["lr"] < large["lr"]
    assert shoppers["epochs"] > small["epochs"] > large["epochs"]
    short, long = (table.follow(given, windows, 5_000) for windows in (few, many))
    assert (short["negatives"], long["negatives"]) == (128, 1024)  # about eight for an event
    nothing_given = Recommender().given
    plain, known = (table.follow(nothing_given, few, 500, content) for content in (False, True))
    assert known["hidden"] == 2 * plain["hidden"]
    best = table.follow(Recommender(preset="best").given, few, 500)
    assert best["dim"] == large["dim"]
    assert best["epochs"] > small["epochs"]


def test_a_second_fit_follows_the_second_log():
    model = Recommender(epochs=1, dim=4, hidden=4, layers="readable")
    first = model.fit(cycling(users=60)).settings
    second = model.fit(cycling(users=60, items=100)).settings
    assert first["negatives"] == 11
    assert second["negatives"] == 99


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"dim": 0}, "dim"), ({"dropout": 1.0}, "dropout"), ({"lr": -1}, "lr"), ({"t": 2}, "t is"),
     ({"split": "middle"}, "split"), ({"preset": "huge"}, "preset"), ({"epochs": 0}, "epochs"),
     ({"lr": float("nan")}, "lr")],
)  # fmt: skip
def test_a_setting_out_of_range_is_named(wrong, word):
    with pytest.raises(InputError, match=word):
        Recommender(**wrong)


def test_unknown_users_and_items_are_named(fitted):
    with pytest.raises(InputError, match="nobody"):
        fitted.recommend(user="nobody")
    with pytest.raises(InputError, match="977"):
        fitted.recommend(history=["977", "978"])
    with pytest.raises(InputError, match="history is empty"):
        fitted.recommend(history=[])
    with pytest.raises(InputError, match="either"):
        fitted.recommend()


@pytest.mark.parametrize(
    "call",
    [lambda model: model.recommend(user="u0"), lambda model: model.evaluate(),
     lambda model: model.predict_proba(["001"], ["002"]), lambda model: model.save("m.npz"),
     lambda model: explain.parts(model, user="u0")],
)  # fmt: skip
def test_use_before_fit_is_refused_with_a_word(call):
    with pytest.raises(InputError, match="fit"):
        call(Recommender(**SMALL))


@pytest.mark.parametrize("wrong", [2.5, "64", [64], np.nan])
def test_a_setting_of_another_type_is_refused_with_a_word(wrong):
    with pytest.raises(InputError, match=r"dim .* whole number"):
        Recommender(dim=wrong)


def test_numpys_numbers_are_settings_that_can_be_saved(tmp_path):
    model = Recommender(**SMALL | {"dim": np.int64(8), "lr": np.float32(0.01)}).fit(cycling())
    model.save(tmp_path / "m.npz")
    assert Recommender.load(tmp_path / "m.npz").settings == model.settings


def test_a_text_is_no_history(fitted):
    with pytest.raises(InputError, match="list"):
        fitted.recommend(history="001")


def test_where_all_was_seen_it_says_so(fitted):
    everything = [f"{item:03}" for item in range(12)]
    with pytest.raises(InputError, match="all 12 items were seen"):
        fitted.recommend(history=everything)
    items, _ = fitted.recommend(history=everything, exclude_seen=False)
    assert len(items) == 10


def blind():
    """Layers whose embedding gives every event the same vector."""

    def forward(items, kinds, numbers, E, A, F):
        return np.ones((*items.shape, E.shape[1]), E.dtype), {"E": E, "A": A, "F": F}

    def backward(dx, cache):
        return None, {name: np.zeros_like(value) for name, value in cache.items()}

    return replaced(embedding=SimpleNamespace(forward=forward, backward=backward))


def test_a_model_recommends_predicts_and_evaluates_with_the_layers_it_was_trained_with():
    model = Recommender(**SMALL | {"layers": blind()}).fit(cycling())
    one, other = (model.logits(model.past(history=past)) for past in (["001"], ["002"]))
    assert np.array_equal(one[3:], other[3:])  # it cannot tell histories apart
    first_events = np.array([[0, 1]])
    assert np.allclose(model.score(first_events, model.log)[0][3:], one[3:], rtol=1e-5)
    items = model.catalogue.items
    assert np.allclose(model.predict_proba(["001"], items)[3:],
                       model.predict_proba(["002"], items)[3:])  # fmt: skip
    with pytest.raises(InputError, match="own layers"):
        explain.parts(model, user="u0")


def test_a_model_with_layers_of_its_own_is_not_loaded_without_them(tmp_path):
    model = Recommender(**SMALL | {"layers": blind()}).fit(cycling())
    model.save(tmp_path / "m.npz")
    with pytest.raises(InputError, match="layers"):
        Recommender.load(tmp_path / "m.npz")
    loaded = Recommender.load(tmp_path / "m.npz", layers=blind())
    assert loaded.evaluate() == model.evaluate()


def test_a_failed_second_fit_leaves_the_first_model_whole(fitted):
    before = fitted.evaluate()
    with pytest.raises(InputError):
        fitted.fit(clean({"user": ["a", "a"], "item": ["1", "2"]}))
    assert fitted.evaluate() == before


def repeating():
    """Everyone takes the same three of twelve items again and again."""
    rows = {"user": [], "item": []}
    for user in range(60):
        rows["user"] += [f"u{user}"] * 9
        rows["item"] += [f"{(user + step % 3) % 12:03}" for step in range(9)]
    return clean(rows)


def test_a_seen_target_is_missed_by_the_table_as_by_recommend():
    model = Recommender(**SMALL | {"epochs": 30, "dropout": 0.0}).fit(
        repeating(), exclude_seen=False
    )
    assert model.evaluate()["hr@10"] == 0
    assert model.evaluate(exclude_seen=False)["hr@10"] > 0.9
    hits = 0
    for user, span in zip(model.catalogue.users, model.split.test, strict=True):
        past = model.catalogue.items[model.log.items[slice(*span)]]
        target = model.catalogue.items[model.log.items[span[1]]]
        assert target not in model.recommend(history=past)[0], user
        hits += target in model.recommend(history=past, exclude_seen=False)[0]
    assert hits / 60 == model.evaluate(exclude_seen=False)["hr@10"]


def test_a_log_too_small_is_refused_with_a_word():
    with pytest.raises(InputError, match="three"):
        Recommender(**SMALL).fit(clean({"user": ["a", "a"], "item": ["1", "2"]}))


def test_users_with_three_events_leave_nothing_to_learn_from():
    with pytest.raises(InputError, match="four"):
        Recommender(**SMALL).fit(clean({"user": ["a"] * 3, "item": ["1", "2", "3"]}))


def test_nearly_everything_may_be_dropped():
    Recommender(**SMALL | {"dropout": 0.9999, "epochs": 1}).fit(cycling())


def test_a_log_without_times_cannot_be_split_in_time():
    with pytest.raises(InputError, match="no times"):
        Recommender(**SMALL, split="time").fit(cycling())


def test_a_file_that_is_no_model_is_refused_with_a_word(tmp_path):
    (tmp_path / "m.npz").write_text("not a model")
    with pytest.raises(InputError, match="not a file that tinyrec wrote"):
        Recommender.load(tmp_path / "m.npz")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(InputError, match="not a file that tinyrec wrote"):
        Recommender.load(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no such file"):
        Recommender.load(tmp_path / "missing.npz")


@pytest.mark.slow
def test_on_movielens_100k_one_epoch_ranks_above_popularity():
    path = SHARED / "ml-100k" / "u.data"
    if not path.exists():
        pytest.skip("MovieLens-100k is not here")
    for split in ("last", "time"):
        model = Recommender(epochs=3, split=split).fit(read_events(path))
        assert model.evaluate()["auc"] > 0.7
        if split == "last":
            assert model.evaluate()["ndcg@10"] > 0.03
