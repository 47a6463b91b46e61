"""The shop's log as files, with the mess that a real log has; every spoilt row is made here.

    python -m tinyrec.datasets.shop FOLDER --customers 2000 --products 800 --steps 21 --seed 0
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from ..errors import InputError
from .shop import BOTS, KINDS, NAMES, customer_ids, generate, product_ids

BAD_TIMES = ("yesterday", "2024-13-45", "")
BAD_PRICES = ("-1", "0", "999999", "free")
MESS_SEED = 1
COLUMNS = ("user", "item", "event", "timestamp", "price", "rating")


def write(folder, shop):
    """Write shop.csv and items.csv into the folder. The same shop gives the same bytes."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(MESS_SEED)
    rows = clean_rows(shop)
    spoil_fields(rows, rng)
    rows += bot_rows(shop, rng)
    rows.sort(key=lambda row: row[COLUMNS.index("timestamp")])
    rows = add_bad_rows(rows, rng)

    items = shop.items
    category = [NAMES[number] for number in items.category]
    price = [f"{price:.2f}" for price in items.price]
    catalogue = zip(product_ids(len(price)), items.title, category, price, strict=True)
    write_csv(Path(folder) / "shop.csv", COLUMNS, rows)
    write_csv(Path(folder) / "items.csv", ("item", "title", "category", "price"), catalogue)


def write_csv(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def clean_rows(shop):
    """The shop's events as lists of text, in the order of COLUMNS."""
    users, items = customer_ids(len(shop.leaning)), product_ids(len(shop.items.price))
    ratings = ["" if np.isnan(rating) else str(int(rating)) for rating in shop.rating]
    events = zip(shop.customer, shop.product, shop.kind, iso(shop.time), ratings, strict=True)
    return [[users[c], items[p], KINDS[k], time, f"{shop.items.price[p]:.2f}", rating]
            for c, p, k, time, rating in events]


def iso(seconds):
    return np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()


def spoil_fields(rows, rng):
    """Blank some prices and ratings and make some prices impossible, in place."""
    price, rating = COLUMNS.index("price"), COLUMNS.index("rating")
    for row, chance in zip(rows, rng.random(len(rows)), strict=True):
        if chance < 0.01:
            row[price] = ""
        elif chance < 0.015:
            row[price] = pick(BAD_PRICES, rng)
        elif chance > 0.9:
            row[rating] = ""


def bot_rows(shop, rng):
    """Each bot views products without pause, one every few seconds."""
    items = product_ids(len(shop.items.price))
    rows = []
    for bot in BOTS:
        views = rng.integers(1500, 2500)
        start = rng.choice(shop.time)
        seen = rng.integers(len(items), size=views)
        times = iso(start + rng.integers(1, 9, size=views).cumsum())
        rows += [[bot, items[p], "view", time, f"{shop.items.price[p]:.2f}", ""]
                 for p, time in zip(seen, times, strict=True)]
    return rows


def add_bad_rows(rows, rng):
    """After some rows, a copy: exact, or with a malformed time, or without its user or item."""
    user, item, time = (COLUMNS.index(name) for name in ("user", "item", "timestamp"))
    result = []
    for row, chance in zip(rows, rng.random(len(rows)), strict=True):
        result.append(row)
        copy = list(row)
        if chance < 0.003:
            copy[time] = pick(BAD_TIMES, rng)
        elif chance < 0.006:
            copy[user] = ""
        elif chance < 0.009:
            copy[item] = ""
        if chance < 0.024:
            result.append(copy)
    return result


def pick(choices, rng):
    return choices[rng.integers(len(choices))]


def main():
    """Make a shop of any size by command line."""
    options = argparse.ArgumentParser(description="Make a shop's log.")
    options.add_argument("folder", help="where shop.csv and items.csv go")
    for name, default in (("customers", 2000), ("products", 800), ("steps", 21), ("seed", 0)):
        options.add_argument(f"--{name}", type=int, default=default, help="%(default)s")
    options.add_argument("--purses", action="store_true", help="who buys what can be learnt")
    given = vars(options.parse_args())
    try:
        write(given.pop("folder"), generate(**given))
    except (InputError, OSError) as error:
        options.error(str(error))
