"""A session, event by event, is the model on the whole history read afresh."""

import numpy as np
import pytest

from tinyrec import InputError, Recommender
from tinyrec.fast import replaced
from tinyrec.live import Session, compress
from tinyrec.model import attention, interest, lstm
from tinyrec.preprocess import features, sequences
from tinyrec.preprocess.events import clean

KINDS = ["view", "cart", "buy"]


def random_rows(rng, users=30, length=12, items=9):
    """A log with several kinds, where the same item often comes twice in a row."""
    n = users * length
    return {
        "user": np.repeat([f"u{user}" for user in range(users)], length).tolist(),
        "item": rng.choice([f"i{item}" for item in range(items)], n).tolist(),
        "event": rng.choice(KINDS, n, p=[0.5, 0.3, 0.2]).tolist(),
        "timestamp": [str(1000 + second) for second in range(n)],
    }


def fit(max_len=200):
    rows = random_rows(np.random.default_rng(1))
    model = Recommender(dim=6, hidden=5, negatives=4, epochs=2, batch=8, max_len=max_len,
                        dropout=0.0, layers="readable", threads=1)  # fmt: skip
    return model.fit(clean(rows))


@pytest.fixture(scope="module")
def fitted():
    return fit()


def fresh(model, rows):
    """Log-odds after one user's rows: the last of each run of one item counts, read at once."""
    pairs = list(zip(rows["item"], rows["event"], strict=True))
    kept = [pair for pair, after in zip(pairs, [*pairs[1:], (None, None)], strict=True)
            if pair[0] != after[0]]  # fmt: skip
    items, kinds = zip(*kept, strict=True)
    numbers = np.array([model.catalogue.kinds.index(kind) for kind in kinds])
    untold = np.tile(features.one(model.catalogue.scales), (len(items), 1))
    return model.logits(sequences.as_log([(model.catalogue.numbers(items), numbers, untold)]))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("max_len", [200, 16, 3, 1])
def test_streamed_is_fresh_for_any_history_kinds_and_length(seed, max_len):
    model, rng = fit(max_len), np.random.default_rng(seed)
    rows = random_rows(rng, users=1, length=int(rng.integers(1, 60)), items=4)
    session = Session(model)
    for number, (item, event) in enumerate(zip(rows["item"], rows["event"], strict=True), 1):
        session.add(item, event)
        until_now = {name: column[:number] for name, column in rows.items()}
        assert session.logits() == pytest.approx(fresh(model, until_now), abs=1e-5)


def told_rows(rng, user, length):
    """One user's events with kinds, times, and ratings and prices that have gaps."""
    rows = {name: [] for name in ("user", "item", "event", "timestamp", "rating", "price")}
    time = 0
    for step in range(length):
        time += int(10 ** rng.uniform(0, 6))
        kind = KINDS[step] if step < len(KINDS) else rng.choice(KINDS)
        event = user, f"i{rng.integers(5)}", kind, time, rng.integers(1, 6), rng.integers(1, 9)
        gaps = rng.random(2) < 0.5
        event = [*map(str, event[:4]), *np.where(gaps, "", np.array(event[4:], str))]
        for column, value in zip(rows.values(), event, strict=True):
            column.append(str(value))
    return rows


@pytest.fixture(scope="module", params=[200, 8])
def told(request):
    rng = np.random.default_rng(0)
    each = [told_rows(rng, f"u{user}", 12) for user in range(30)]
    rows = {name: [value for rows in each for value in rows[name]] for name in each[0]}
    model = Recommender(dim=6, hidden=5, negatives=4, epochs=2, batch=8, lr=1e-2, dropout=0.0,
                        max_len=request.param, layers="readable", threads=1)  # fmt: skip
    return model.fit(clean(rows))


@pytest.mark.parametrize("user", ["new", "u3"])
@pytest.mark.parametrize("seed", range(6))
def test_streamed_is_fresh_for_any_times_and_numbers_and_moment_of_asking(told, user, seed):
    assert list(told.catalogue.scales) == ["since", "until", "rating", "price"]
    rng = np.random.default_rng(seed)
    rows = told_rows(rng, user, int(rng.integers(5, 30)))
    rows["item"][0], rows["item"][-1] = "i0", "i1"
    rows["item"][-2] = "i2"  # so that the last one is a step of its own, whose time is known
    session = Session(told, user=user if user == "u3" else None)
    if session.items and told.catalogue.items[session.items[-1]] == "i0":
        rows["item"][0] = "i4"
    names = "item", "event", "timestamp", "rating", "price"
    *events, (_, _, at, _, _) = zip(*map(rows.get, names), strict=True)
    for item, event, time, rating, price in events:
        numbers = {"rating": rating, "price": price}
        numbers = {name: float(value) for name, value in numbers.items() if value}
        session.add(item, event, time=float(time), **numbers)
        session.ask_at(float(time) + 5).logits()  # asking in between changes nothing later
    log, spans = told.targets(clean(rows))
    expected = told.score(spans, log)[0]
    assert session.ask_at(float(at)).logits() == pytest.approx(expected, abs=1e-5)
    assert told.score(session.past().starts[None], session.past())[0] == pytest.approx(
        expected, abs=1e-5
    )


@pytest.mark.parametrize("split", [1, 7, 12, 13])
def test_a_session_goes_on_from_a_users_log_or_a_history(split):
    model = fit(max_len=8)
    ids = [f"i{step % 9}" for step in range(14)]
    whole = model.recommend(history=ids, k=4, exclude_seen=False)
    session = Session(model, history=ids[:split])
    for item in ids[split:]:
        session.add(item)
    items, probabilities = session.recommend(k=4, exclude_seen=False)
    assert list(items) == list(whole[0])
    assert probabilities == pytest.approx(whole[1], abs=1e-5)
    items, _ = Session(model, user="u3").recommend(k=3)
    assert list(items) == list(model.recommend(user="u3", k=3)[0])


def test_a_view_that_becomes_a_purchase_is_one_step_of_another_kind(fitted):
    viewed = Session(fitted).add("i1", "view").add("i2", "view")
    bought = viewed.add("i2", "buy").logits()
    assert bought == pytest.approx(Session(fitted).add("i1", "view").add("i2", "buy").logits())
    assert len(viewed.items) == 2


def test_an_item_twice_in_a_row_is_one_step_of_a_history_too(fitted):
    assert fitted.recommend(history=["i1", "i2", "i2"])[1] == pytest.approx(
        fitted.recommend(history=["i1", "i2"])[1]
    )


def test_where_the_log_has_one_kind_an_item_twice_in_a_row_is_two_steps():
    rng = np.random.default_rng(1)
    rows = {name: column for name, column in random_rows(rng).items() if name != "event"}
    model = Recommender(dim=4, hidden=4, negatives=4, epochs=1, layers="readable").fit(clean(rows))
    session = Session(model).add("i1").add("i1")
    assert len(session.items) == 2
    assert session.logits() == pytest.approx(model.logits(model.past(history=["i1", "i1"])))


def test_a_window_that_is_full_keeps_three_quarters_and_at_most_max_len():
    spans = np.array([[5, 5 + length] for length in range(1, 100)])
    start, stop = sequences.latest(spans, 16).T
    assert (stop - start).max() == 16
    assert (stop - start)[16:].min() == 13
    assert len(np.unique(start)) == 1 + (99 - 16 + 3) // 4  # moves at every fourth event


def test_a_session_knows_new_items_smaller_models_and_those_begun_from_another():
    rng = np.random.default_rng(1)
    rows, settings = random_rows(rng), {"epochs": 1, "layers": "readable", "threads": 1}
    ids = [f"i{item}" for item in range(9)]
    model = Recommender(dim=6, hidden=5, negatives=4, **settings)
    model.fit(clean(rows), content=(ids, rng.normal(size=(9, 4))))
    model.add_items(["new"], rng.normal(size=(1, 4)))
    begun = Recommender(**settings).fit(clean(rows), start=fit())
    smaller = [compress.compressed(model, how) for how in compress.WAYS]
    for each in (model, begun, *smaller):
        history = ["i1", "i2", *(["new"] if each is not begun else []), "i3"]
        session = Session(each, history=history[:1])
        for item in history[1:]:
            session.add(item)
        expected = each.logits(each.past(history=history))
        assert session.logits() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("wrong, words", [
    (("i99",), "i99 not among"),
    (("i1", "lick"), "event 'lick' is not one of the log's: "),
])  # fmt: skip
def test_what_the_model_does_not_know_leaves_the_session_as_it_was(fitted, wrong, words):
    session = Session(fitted, history=["i1", "i2"])
    before = session.logits()
    with pytest.raises(InputError, match=words):
        session.add(*wrong)
    with pytest.raises(InputError, match="price"):
        session.add("i2", price=3.0)
    assert np.array_equal(session.logits(), before)


def test_nobody_yet_has_nothing_recommended(fitted):
    with pytest.raises(InputError, match="empty"):
        Session(fitted).recommend()


def test_a_model_with_layers_of_its_own_is_refused():
    rows = clean(random_rows(np.random.default_rng(1)))
    model = Recommender(dim=4, hidden=4, negatives=4, epochs=1, layers=replaced(lstm=lstm))
    with pytest.raises(InputError, match="own layers"):
        Session(model.fit(rows))


def test_a_step_of_attention_is_the_last_row_of_a_pass():
    rng = np.random.default_rng(0)
    h, Wq, Wk = rng.normal(size=(2, 7, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    long, cache = attention.forward(h, Wq, Wk)
    row, w = attention.step(h[:, -1], h, h @ Wk, Wq)
    assert row == pytest.approx(long[:, -1])
    assert w == pytest.approx(cache.w[:, -1])


def test_a_step_of_interest_is_the_last_row_of_a_pass():
    rng = np.random.default_rng(0)
    long, h, x = rng.normal(size=(2, 7, 4)), rng.normal(size=(2, 7, 4)), rng.normal(size=(2, 7, 3))
    weights = rng.normal(size=(8, 3)), rng.normal(size=3), rng.normal(size=3)
    u, _ = interest.forward(long, h, x, *weights)
    recent = np.zeros((2, 3))
    for t in range(7):
        row, recent = interest.step(long[:, t], h[:, t], x[:, t], recent, *weights)
    assert row == pytest.approx(u[:, -1])
