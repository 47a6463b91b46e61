"""The bundled shop: what is planted, what is spoilt, and what the oracle knows."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tinyrec import InputError, read_events
from tinyrec.datasets import mess
from tinyrec.datasets import shop as shops

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def shop():
    return shops.generate()


@pytest.fixture(scope="module")
def rows():
    with open(DATA / "shop.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def chances(shop):
    """(C, P): the oracle's, for every customer's last step."""
    return shops.oracle(shop, shops.last_steps(shop))


def gain(scores, target):
    """NDCG@10 of each row."""
    own = scores[np.arange(len(target)), target]
    rank = (scores > own[:, None]).sum(axis=1)
    return np.where(rank < 10, 1 / np.log2(rank + 2), 0)


def step_starts(shop):
    return np.flatnonzero(shop.kind == shops.KINDS.index("view"))


def test_regenerating_gives_the_same_bytes(shop, tmp_path):
    mess.write(tmp_path, shop)
    for name in ("shop.csv", "items.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_another_seed_gives_another_shop(shop):
    other = shops.generate(seed=1)
    assert not np.array_equal(other.product[:1000], shop.product[:1000])


def test_only_with_purses_do_the_price_and_the_customer_decide_what_is_bought(shop):
    for made, decided in ((shop, False), (shops.generate(purses=True), True)):
        bought = made.kind == shops.KINDS.index("buy")
        carts = np.flatnonzero(made.kind == shops.KINDS.index("cart"))
        buys = np.append(bought, False)[carts + 1]
        dear = made.items.price > np.median(made.items.price)
        dear = dear[made.product[carts]]
        assert (buys[~dear].mean() - buys[dear].mean() > 0.3) == decided
        customers, carts_of = np.unique(made.customer[carts], return_counts=True)
        often = np.bincount(made.customer[carts], buys)[customers] / carts_of
        assert (np.std(often) > 0.26) == decided


def test_the_file_is_small_enough_to_open(rows):
    assert (DATA / "shop.csv").stat().st_size < 5_000_000
    assert 60_000 <= len(rows) <= 80_000


def test_every_kind_of_mess_is_in_the_file(rows):
    lines = [tuple(row.values()) for row in rows]
    assert len(set(lines)) < len(lines) - 500
    assert any(row["user"] == "" for row in rows)
    assert any(row["item"] == "" for row in rows)
    assert any(row["price"] == "" for row in rows)
    assert any(row["event"] == "rate" and row["rating"] == "" for row in rows)
    assert {row["timestamp"] for row in rows} >= set(mess.BAD_TIMES)
    assert {row["price"] for row in rows} >= set(mess.BAD_PRICES)
    for bot in shops.BOTS:
        events = [row["event"] for row in rows if row["user"] == bot]
        assert len(events) > 1000
        assert set(events) == {"view"}


def test_without_the_mess_exactly_the_planted_steps_remain(shop, rows):
    bad = {*mess.BAD_TIMES, ""}
    kept = [row for row in rows if row["user"] and row["item"] and row["timestamp"] not in bad]
    kept = [row for row in kept if row["user"] not in shops.BOTS]
    key = ("user", "item", "event", "timestamp")
    events = dict.fromkeys(tuple(row[name] for name in key) for row in kept)
    events = sorted(events, key=lambda event: (event[0], event[3]))

    users = shops.customer_ids(len(shop.leaning))
    items = shops.product_ids(len(shop.items.price))
    planted = [(users[c], items[p], shops.KINDS[k])
               for c, p, k in zip(shop.customer, shop.product, shop.kind, strict=True)]
    assert [event[:3] for event in events] == planted


def test_the_events_of_a_customer_have_strictly_increasing_times(shop):
    same = shop.customer[1:] == shop.customer[:-1]
    assert (np.diff(shop.time)[same] > 0).all()


def test_a_step_goes_down_the_funnel_in_order(shop):
    same = (shop.customer[1:] == shop.customer[:-1]) & (shop.product[1:] == shop.product[:-1])
    assert (np.diff(shop.kind)[same] == 1).all()
    assert (shop.kind[1:][~same] == 0).all()
    count = np.bincount(shop.kind)
    assert (np.diff(count) < 0).all()


def test_only_rate_rows_have_a_rating(shop):
    rated = shop.kind == shops.KINDS.index("rate")
    assert np.array_equal(rated, ~np.isnan(shop.rating))
    assert set(shop.rating[rated]) == {1, 2, 3, 4, 5}


def test_a_product_is_taken_once(shop):
    starts = step_starts(shop)
    pairs = shop.customer[starts].astype(np.int64) * 10_000 + shop.product[starts]
    assert len(np.unique(pairs)) == len(pairs)


def test_customers_keep_few_tastes(shop):
    changes = (shop.taste[1:] != shop.taste[:-1]).any(axis=1)
    changes = changes[shop.customer[1:] == shop.customer[:-1]].sum() / len(shop.leaning)
    assert 0.1 < changes < 1


def test_sessions_start_with_a_taste_and_follow_their_need(shop):
    category = shop.items.category[shop.product]
    assert np.array_equal(category, shops.NEEDS[shop.need, shop.stage])
    start = shop.stage == 0
    assert (shop.taste[start] == category[start, None]).any(axis=1).mean() > 0.98


def test_every_title_is_different(shop):
    assert len(set(shop.items.title)) == len(shop.items.title)


def test_popularity_has_a_long_tail(shop):
    starts = step_starts(shop)
    count = np.sort(np.bincount(shop.product[starts], minlength=len(shop.items.price)))[::-1]
    assert count[:80].sum() > 0.27 * count.sum()
    assert count[-400:].sum() < 0.25 * count.sum()


def test_the_oracle_gives_chances_and_none_to_products_taken(shop, chances):
    assert np.allclose(chances.sum(axis=1), 1)
    last = shops.last_steps(shop)
    for customer in range(0, 2000, 100):
        first = np.searchsorted(shop.customer, customer)
        assert (chances[customer, shop.product[first:last[customer]]] == 0).all()
    assert (chances[np.arange(2000), shop.product[last]] > 0).all()


def test_the_oracle_is_calibrated(shop):
    """Over many steps, products given a chance of about p are taken about p of the time."""
    starts = step_starts(shop)
    later = starts[1:][np.diff(shop.customer[starts]) == 0]
    some = later[::5]
    chances = shops.oracle(shop, some)
    taken = np.zeros(chances.shape, bool)
    taken[np.arange(len(some)), shop.product[some]] = True
    for low, high in ((1e-4, 1e-3), (1e-3, 0.01), (0.01, 0.1), (0.1, 0.3), (0.3, 1)):
        these = (chances >= low) & (chances < high)
        expected, variance = chances[these].sum(), (chances * (1 - chances))[these].sum()
        assert abs(taken[these].sum() - expected) < 4 * np.sqrt(variance)


def test_no_count_of_the_log_ranks_as_well_as_the_oracle(shop, chances):
    last = shops.last_steps(shop)
    starts = np.setdiff1d(step_starts(shop), last)
    before, after = starts[:-1], starts[1:]
    same = shop.customer[before] == shop.customer[after]
    follows = np.zeros((800, 800))
    np.add.at(follows, (shop.product[before][same], shop.product[after][same]), 1)

    target = shop.product[last]
    unseen = np.ones(chances.shape, bool)
    unseen[shop.customer[starts], shop.product[starts]] = False
    markov = np.where(unseen, follows[shop.product[last - 1]], -1)
    popular = np.where(unseen, np.bincount(shop.product[starts], minlength=800), -1)
    best = gain(chances, target).mean()
    assert best > 1.3 * gain(markov, target).mean()
    assert best > 3 * gain(popular, target).mean()


def test_short_shelves_end_in_products_taken_again():
    shop = shops.generate(customers=40, products=len(shops.NAMES), steps=12)
    taken = shop.customer.astype(np.int64) * len(shops.NAMES) + shop.product
    assert len(np.unique(taken)) < (shop.kind == 0).sum()


@pytest.mark.parametrize("size", ["customers", "products", "steps"])
def test_a_shop_that_is_too_small_is_refused_by_name(size):
    with pytest.raises(InputError, match=f"{size} is 0: ask for"):
        shops.generate(**{size: 0})


def test_a_log_is_written_into_a_folder_that_is_made(tmp_path):
    mess.write(tmp_path / "new" / "folder", shops.generate(customers=5, products=100, steps=5))
    assert read_events(tmp_path / "new" / "folder" / "shop.csv").users.size == 5
