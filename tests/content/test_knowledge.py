"""What is known of items: it trains exactly, carries new items, and leaves others alone."""

import copy

import numpy as np
import pytest

from tinyrec import InputError, Recommender, explain, fast, model
from tinyrec.live import Session
from tinyrec.model import content, network
from tinyrec.preprocess import sequences
from tinyrec.preprocess.events import clean
from tinyrec.train import batches, gradcheck

SMALL = {"dim": 8, "hidden": 8, "negatives": 16, "batch": 16, "lr": 2e-2, "layers": "readable"}
GROUPS, OF_EACH = 6, 5  # item "g3-1" is the first of group 3


def groups_in_turn(users=120, length=8, without=()):
    """Users walk through the groups in turn, each time to any item of the next group."""
    rng = np.random.default_rng(0)
    rows = {"user": [], "item": []}
    for user in range(users):
        start = rng.integers(GROUPS)
        items = [f"g{(start + step) % GROUPS}-{rng.integers(OF_EACH)}" for step in range(length)]
        items = [item for item in items if item not in without]
        rows["user"] += [f"u{user}"] * len(items)
        rows["item"] += items
    return clean(rows)


def group_vectors(extra=()):
    """{item: a vector that says its group, and a little noise}."""
    rng = np.random.default_rng(1)
    ids = [f"g{group}-{number}" for group in range(GROUPS) for number in range(OF_EACH)]
    return {name: np.eye(GROUPS)[int(name[1])] + 0.01 * rng.normal(size=GROUPS)
            for name in [*ids, *extra]}  # fmt: skip


NEW = ("g2-0", "g4-0")


@pytest.fixture(scope="module")
def fitted():
    """A model that has never seen an event of the items NEW."""
    events = groups_in_turn(users=500, without=NEW)
    return Recommender(**SMALL, epochs=25, dropout=0.0).fit(events, content=group_vectors())


def test_an_item_that_nobody_took_is_recommended_where_its_content_belongs(fitted):
    assert [*fitted.catalogue.items[-2:]] == [*NEW]
    assert fitted.catalogue.learnt == GROUPS * OF_EACH - 2
    best, _ = fitted.recommend(history=["g0-1", "g1-1"], k=5)
    assert set(best) == {f"g2-{number}" for number in range(OF_EACH)}
    again, _ = fitted.recommend(history=["g1-1", "g2-0"], k=5)  # and it is history like any other
    assert {name[:2] for name in again} == {"g3"}


def test_items_added_later_are_recommendable_at_once(fitted, tmp_path):
    fitted.save(tmp_path / "m.npz")
    grown = Recommender.load(tmp_path / "m.npz")
    before = grown.logits(grown.past(history=["g0-1", "g1-1"]))
    assert grown.add_items(["g2-new"], group_vectors(["g2-new"])["g2-new"][None]) is grown
    best, _ = grown.recommend(history=["g0-1", "g1-1"], k=6)
    assert "g2-new" in best
    after = grown.logits(grown.past(history=["g0-1", "g1-1"]))
    assert np.array_equal(after[: len(before)], before)
    grown.save(tmp_path / "grown.npz")
    assert "g2-new" in Recommender.load(tmp_path / "grown.npz").catalogue.item_number
    session = Session(grown, history=["g0-1"]).add("g1-1")
    assert session.recommend(6)[0].tolist() == best.tolist()


def test_new_items_are_no_negatives(fitted):
    log, n = fitted.log, fitted.catalogue.learnt
    assert log.items.max() < n
    told = fitted.content["C"][n:] @ fitted.content["P"]
    assert np.allclose(fitted.params["E"][n:], told, atol=1e-6)
    assert len(fitted.params["E"]) == n + len(NEW)


def test_a_saved_model_recommends_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "m.npz")
    loaded = Recommender.load(tmp_path / "m.npz")
    assert loaded.recommend(user="u1")[0].tolist() == fitted.recommend(user="u1")[0].tolist()
    assert loaded.evaluate() == fitted.evaluate()


def test_the_explanation_says_what_of_a_logit_comes_from_content(fitted):
    found = explain.parts(fitted, history=["g0-1", "g1-1"])
    new = [fitted.catalogue.items[item] in NEW for item in found.items]
    z = found.long + found.short + found.recent + found.base
    assert any(new)
    # all but what a vector of one's own adds, of which a new item has none
    assert found.content[new] == pytest.approx(z[new], rel=1e-4)
    assert not np.allclose(found.content, z, rtol=1e-4)
    plain = Recommender(**SMALL, epochs=1).fit(groups_in_turn())
    assert explain.parts(plain, history=["g0-1"]).content is None


def test_no_content_is_no_content():
    plain = Recommender(**SMALL, epochs=1).fit(groups_in_turn())
    assert plain.content is None
    assert plain.params.keys() == network.PARAMETERS.keys()
    with pytest.raises(InputError, match="content"):
        plain.add_items(["new"], np.zeros((1, GROUPS)))


def test_vectors_may_come_as_a_pair_and_an_item_without_one_has_the_mean_one():
    vectors = group_vectors()
    pair = [*vectors][:-1], np.array([*vectors.values()])[:-1]
    known = Recommender(**SMALL, epochs=1).fit(groups_in_turn(), content=pair)
    last = known.catalogue.item_number[[*vectors][-1]]
    assert not known.content["C"][last].any()
    assert np.all(np.delete(known.content["C"], last, axis=0).any(axis=1))


def test_content_may_be_named_and_texts_are_kept_with_the_model(tmp_path):
    events = groups_in_turn()
    told = {"g0-0": "red hat", "g1-0": "blue hat", "unseen": "red shoe"}
    events.titles.update({"g0-0": "hat"})
    events.texts.update(told)
    model = Recommender(**SMALL, epochs=1).fit(events, content="tfidf")
    assert model.catalogue.items[-1] == "unseen" and model.catalogue.added == 1
    model.save(tmp_path / "m.npz")
    again = Recommender.load(tmp_path / "m.npz").catalogue
    assert again.texts == told and again.title(again.item_number["g0-0"]) == "hat"


def test_a_lift_multiplies_the_odds_of_items_that_nobody_took_and_of_no_others(fitted):
    lifted = copy.copy(fitted)
    lifted.settings = fitted.settings | {"lift": 8.0}
    past = fitted.past(history=["g0-1", "g1-1"])
    more = lifted.logits(past) - fitted.logits(past)
    new = np.isin(fitted.catalogue.items, NEW)
    assert more[new] == pytest.approx(np.log(8), abs=1e-5)
    assert not more[~new].any()


def test_a_training_with_content_begins_with_another_models_vectors(fitted):
    events, still = groups_in_turn(users=30), SMALL | {"lr": 1e-12, "epochs": 1}
    plain = Recommender(**SMALL, epochs=3).fit(groups_in_turn(without=NEW))
    for start in (fitted, plain):
        begun = Recommender(**still).fit(events, content=group_vectors(), start=start)
        shared = [item for item in plain.catalogue.items if item in begun.catalogue.item_number]
        ours, theirs = (m.params["E"][m.catalogue.numbers(shared)] for m in (begun, start))
        assert ours == pytest.approx(theirs, abs=1e-5)
    again = Recommender(**still).fit(events, content=group_vectors(), start=fitted)
    assert np.allclose(again.content["P"], fitted.content["P"], atol=1e-6)


@pytest.mark.parametrize(("given", "said"), [
    ({"x": [1.0, 2]}, "no id, such as 'x', is in the log, which has g"),
    ({}, "have to be numbers"),
    (([], np.ones((0, 3))), "no id, such as '', is in the log"),
    ("tfidf", "name a file of them with --items"),
    ({"g0-0": [1.0, 2], "g0-1": [1.0]}, "all of one length"),
    ({"g0-0": [1.0, np.inf], "g0-1": [1.0, 0]}, "'g0-0' is not finite"),
    ((["g0-0", "g0-0"], np.ones((2, 3))), "'g0-0' is there more than once"),
    ((["g0-0"], np.ones((2, 3))), "1 ids"),
    ({"g0-0": [1.0, 2], "g0-1": [1.0, 2]}, "all alike"),
    ("missing.npz", "missing.npz: no such file"),
])  # fmt: skip
def test_content_that_cannot_be_used_is_named(given, said):
    with pytest.raises(InputError, match=said):
        Recommender(**SMALL, epochs=1).fit(groups_in_turn(), content=given)


def test_items_that_cannot_be_added_are_named(fitted):
    with pytest.raises(InputError, match="g0-0 is in the catalogue already"):
        fitted.add_items(["g0-0"], np.ones((1, GROUPS)))
    with pytest.raises(InputError, match="0 ids, vectors"):
        fitted.add_items("ab", np.ones((2, GROUPS)))
    with pytest.raises(InputError, match="vectors of 2 numbers: the model's items have 6"):
        fitted.add_items(["new"], np.ones((1, 2)))


@pytest.mark.parametrize("room", [model, fast])
def test_a_block_has_the_gradient_of_its_loss_in_every_parameter_of_0(room):
    rng = np.random.default_rng(0)
    events = groups_in_turn(users=3)
    log = sequences.serialise(events)
    n, C = len(events.items), rng.normal(size=(len(events.items), 4))
    params = network.initial(rng, n, 1, 3, 2, np.float64) | content.initial(rng, C, 3, -0.5)
    params = {name: rng.normal(0, 0.5, value.shape) for name, value in params.items()}
    given = {"dropout": 0.3, "negatives": 4, "t": 0.75}
    training = batches.Training(log, None, given, room, map, C, np.full(n, 0.3))
    negatives = rng.integers(0, n, (3, 4))

    def share():
        return batches.block_share(params, training, sequences.histories(log), negatives,
                                   np.random.default_rng(5), 21)  # fmt: skip

    found = share()
    assert found.grads.keys() == params.keys()
    for name in (*batches.TABLES, *content.PARAMETERS):
        numeric = gradcheck.numerical(lambda: share().loss, params[name])
        numeric = numeric[found.touched] if name in batches.TABLES else numeric
        assert gradcheck.error(found.grads[name], numeric) <= gradcheck.TOLERANCE, name


def test_own_vectors_are_left_out_the_more_often_the_less_their_items_were_taken():
    C = np.zeros((6000, 1), np.float32)
    params = {"E": np.ones((6000, 2), np.float32), "bias": np.ones(6000, np.float32)}
    params |= content.initial(np.random.default_rng(0), C, 2, 0.0)
    taken = np.repeat([0, 1, 4, 100], 1500)
    training = batches.Training(None, None, {}, model, map, C, batches.alone(taken))
    local, _ = batches.with_content(params, training, np.arange(6000), np.random.default_rng(1))
    without = local["E"][:, 0] == 0
    shares = [without[taken == count].mean() for count in (0, 1, 4, 100)]
    assert shares == pytest.approx([1, 1, 0.5, 0.1], abs=0.04)
    assert np.array_equal(local["bias"] == 0, without)
