"""The bundled shop: an invented log in which every taste and every intent is known.

A customer's life is a walk. Each step takes one product, and is one of three moves:

    stay    another product of the same category        (comparing phones)
    on      the next category of the need               (phone -> case -> charger)
    begin   a new session, whose need starts with one of the customer's tastes

The category decides which shelf; popularity, the customer's style and, within a session, the
brand family of the product before decide which product. A product is taken once: a draw that hits
a product already taken is thrown away, and move and product are drawn anew. Only who keeps hitting
them, where shelves are short, takes one again.
A step leaves one to four rows in the log: view, then perhaps cart, buy, rate.

Shapes: C customers, P products, S steps in all, n events in all, G categories, m asked-for steps.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError

KINDS = ("view", "cart", "buy", "rate")

# Each category: its typical price, its two nouns, and the need it starts.
CATEGORIES = {
    "phones": (420, "smartphone", "handset", "phones cases chargers headphones"),
    "cases": (25, "sleeve", "cover", "cases phones headphones speakers"),
    "chargers": (30, "charger", "power bank", "chargers laptops backpacks bottles"),
    "headphones": (110, "headphones", "earbuds", "headphones phones chargers keyboards"),
    "laptops": (850, "laptop", "notebook PC", "laptops keyboards cases backpacks"),
    "keyboards": (70, "keyboard", "keypad", "keyboards laptops desks lamps"),
    "speakers": (130, "speaker", "soundbar", "speakers headphones laptops chargers"),
    "lamps": (55, "desk lamp", "floor lamp", "lamps desks notebooks pens"),
    "desks": (260, "desk", "writing table", "desks chairs lamps keyboards"),
    "chairs": (180, "chair", "armchair", "chairs cushions blankets lamps"),
    "notebooks": (12, "notebook", "sketchbook", "notebooks pens backpacks cases"),
    "pens": (9, "fountain pen", "ballpoint", "pens notebooks desks chairs"),
    "blankets": (60, "blanket", "throw", "blankets candles cushions mugs"),
    "cushions": (28, "cushion", "pillow", "cushions chairs candles speakers"),
    "candles": (16, "candle", "tealight set", "candles mugs blankets teapots"),
    "mugs": (14, "mug", "cup", "mugs teapots candles notebooks"),
    "teapots": (38, "teapot", "kettle", "teapots mugs pans cushions"),
    "knives": (45, "chef's knife", "pocket knife", "knives pans bottles tents"),
    "pans": (65, "frying pan", "saucepan", "pans knives teapots mugs"),
    "tents": (240, "tent", "tarp", "tents backpacks jackets shoes"),
    "backpacks": (90, "backpack", "daypack", "backpacks tents knives bottles"),
    "bottles": (22, "bottle", "flask", "bottles shoes jackets tents"),
    "jackets": (140, "jacket", "parka", "jackets shoes backpacks blankets"),
    "shoes": (95, "boots", "trainers", "shoes jackets bottles knives"),
}
# Products of brands of one family go together.
FAMILIES = (("Nordlys", "Fjellkom", "Halvik"), ("Avelto", "Castra", "Lumora"),
            ("Brimhold", "Pellworm", "Tamsin"), ("Duvenne", "Juneo", "Ostrava"))
STYLES = ("classic", "colourful", "rugged")

PACKAGE = Path(__file__).parents[1]  # an installed package carries the data folder within
FOLDER = PACKAGE / "data" if (PACKAGE / "data").is_dir() else PACKAGE.parent / "data"

NAMES = tuple(CATEGORIES)
NEEDS = np.array([[NAMES.index(name) for name in need.split()]
                  for _, _, _, need in CATEGORIES.values()])  # (G, 4) need g starts with g
LAST_STAGE = NEEDS.shape[1] - 1
NO_FAMILY = len(FAMILIES)  # "the product before" when a session begins

STAY, ON = 0.1, 0.8  # chances of the moves; what is left is the chance to begin a session
TASTE_WEIGHTS = np.array([0.75, 0.2, 0.05])  # how often a session starts with each taste
TAIL = 0.8  # popularity falls with rank to this power
TRIES = 200  # draws of a step, after which a product is taken again
DRIFT = 0.01  # chance, at each step, that one taste gives way to a new one
STYLE_PULL = 30.0  # a product of the customer's style weighs this much more
FAMILY_PULL = 20.0  # and so does one that goes with the product before
FUNNEL = np.array([0.33, 0.5, 0.5])  # chances of cart after view, buy after cart, rate after buy


BOTS = ("C0317", "C0902", "C1544")  # ids that are no customers' (datasets/mess.py)


class Items(NamedTuple):
    """The catalogue: one row a product, sorted by category."""

    category: np.ndarray    # (P,) into NAMES
    family: np.ndarray      # (P,) into FAMILIES
    style: np.ndarray       # (P,) into STYLES
    popularity: np.ndarray  # (P,) weight, with a long tail
    price: np.ndarray       # (P,)
    title: list             # P strings


class Shop(NamedTuple):
    """Clean events, sorted by customer, then time, and what was planted behind each."""

    customer: np.ndarray  # (n,)
    product: np.ndarray   # (n,)
    kind: np.ndarray      # (n,) into KINDS
    time: np.ndarray      # (n,) unix seconds
    rating: np.ndarray    # (n,) 1 to 5, NaN where there is none
    need: np.ndarray      # (n,) row of NEEDS that the session follows
    stage: np.ndarray     # (n,) column of NEEDS it has come to
    taste: np.ndarray     # (n, 3) the customer's favourite categories at that moment
    leaning: np.ndarray   # (C,) the customer's style
    items: Items


class Walk(NamedTuple):
    """Every customer's steps, one after the other."""

    customer: np.ndarray  # (S,)
    product: np.ndarray   # (S,)
    need: np.ndarray      # (S,)
    stage: np.ndarray     # (S,)
    begins: np.ndarray    # (S,) True where a session begins
    taste: np.ndarray     # (S, 3)


def generate(customers=2000, products=800, steps=21, seed=0, purses=False):
    """A shop whose customers take `steps` steps in the median, five at least.

    purses: what is in the cart is bought where a customer's purse allows it, not by dice. Raises
    InputError for a shop that is too small.
    """
    for name, given, least in (("customers", customers, 1), ("products", products, len(NAMES)),
                               ("steps", steps, 2)):  # fmt: skip
        if given < least:
            raise InputError(f"{name} is {given}: ask for {least} or more")
    rng = np.random.default_rng(seed)
    items = stock(products, rng)
    leaning = rng.integers(len(STYLES), size=customers)
    length = np.exp(rng.normal(np.log(steps), 0.4, customers)).astype(int)
    walk = wander(items, leaning, length.clip(5, 4 * steps), rng)
    chances = np.tile(FUNNEL, (len(walk.product), 1))
    if purses:
        chances[:, 1] = buys(walk, items, rng.normal(size=customers))
    return log_events(walk, items, leaning, chances, rng)


def stock(products, rng):
    """Fill the shelves: every category gets the same number of products, give or take one."""
    category = np.arange(products) * len(NAMES) // products
    first = np.searchsorted(category, np.arange(len(NAMES)))
    place = np.arange(products) - first[category]

    # In each category, deal out the ways to name a product without repeating one too soon.
    ways = (len(FAMILIES), len(STYLES), 3, 2)
    deck = np.tile(np.arange(np.prod(ways)), (len(NAMES), 1))
    deck = rng.permuted(deck, axis=1)
    card = deck[category, place % deck.shape[1]]
    family, style, brand, noun = np.unravel_index(card, ways)

    popularity = (1.0 + rng.permutation(products)) ** -TAIL
    typical = np.array([CATEGORIES[name][0] for name in NAMES])
    price = np.ceil(typical[category] * np.exp(rng.normal(0, 0.35, products))) - 0.01
    title = [f"{FAMILIES[f][b]} {STYLES[s]} {CATEGORIES[NAMES[c]][1 + n]}"
             for f, b, s, c, n in zip(family, brand, style, category, noun, strict=True)]
    return Items(category, family, style, popularity, price, title)


def shelf_shares(items):
    """(styles, families + 1, P): the chance of each product once its category is chosen.

    It depends on the customer's style and on the family of the product before (or NO_FAMILY).
    """
    style_fits = np.arange(len(STYLES))[:, None] == items.style
    family_fits = np.arange(len(FAMILIES) + 1)[:, None] == items.family
    pull = np.where(style_fits, STYLE_PULL, 1)[:, None] * np.where(family_fits, FAMILY_PULL, 1)
    weight = pull * items.popularity
    first = np.searchsorted(items.category, np.arange(len(NAMES)))
    shelf = np.add.reduceat(weight, first, axis=-1)
    return weight / shelf[..., items.category]


def new_taste(size, rng):
    """Favourite categories; the first ones of NAMES are more popular than the last ones."""
    return (len(NAMES) * rng.random(size) ** 1.5).astype(int)


def wander(items, leaning, length, rng):
    """Walk all customers at once, step by step. leaning (C,), length (C,) -> Walk."""
    customers, longest = len(length), length.max()
    # Shares add up to 1 on each shelf, so the running total reaches 1 after the first category,
    # 2 after the second, ...: a number between g and g + 1 falls on a product of category g.
    shares = shelf_shares(items)
    running = shares.cumsum()

    product = np.full((customers, longest), -1, np.int32)
    need, stage = np.zeros((2, customers, longest), np.int8)
    begins = np.zeros((customers, longest), bool)
    tastes = np.zeros((customers, longest, 3), np.int8)
    taste = new_taste((customers, 3), rng)

    for t in range(longest):
        drifting = np.flatnonzero(rng.random(customers) < DRIFT)
        taste[drifting, rng.integers(3, size=len(drifting))] = new_taste(len(drifting), rng)
        tastes[:, t] = taste

        who, tries = np.flatnonzero(length > t), 0
        while len(who) and tries < TRIES:
            tries += 1
            # the move; in the first step there is nothing to go on from
            dice = rng.random(len(who))
            stays = (dice < STAY) & (t > 0)
            goes_on = ~stays & (dice < STAY + ON) & (stage[who, t - 1] < LAST_STAGE) & (t > 0)
            starts = ~stays & ~goes_on
            favourite = np.searchsorted(TASTE_WEIGHTS.cumsum()[:-1], rng.random(len(who)))
            need[who, t] = np.where(starts, taste[who, favourite], need[who, t - 1])
            stage[who, t] = np.where(starts, 0, stage[who, t - 1] + goes_on)
            begins[who, t] = starts

            # the product
            category = NEEDS[need[who, t], stage[who, t]]
            family = np.where(starts, NO_FAMILY, items.family[product[who, t - 1]])
            shelf = (leaning[who] * (NO_FAMILY + 1) + family) * len(NAMES) + category
            found = np.searchsorted(running, shelf + rng.random(len(who)))
            found %= len(items.price)
            taken = (product[who, :t] == found[:, None]).any(axis=1)
            product[who, t] = found
            who = who[taken]

    real = np.arange(longest) < length[:, None]
    customer = np.repeat(np.arange(customers), length)
    return Walk(customer, product[real], need[real], stage[real], begins[real], tastes[real])


def buys(walk, items, purse):
    """(S,) the chance that what is in the cart is bought: by its price and the purse (C,)."""
    dear = np.log(items.price)
    dear = (dear - dear.mean()) / dear.std()
    return 1 / (1 + np.exp(2 * (dear[walk.product] - purse[walk.customer])))


def log_events(walk, items, leaning, chances, rng):
    """What the shop records of a walk: rows with a kind, a time and perhaps a rating.

    chances (S, 3): of cart after view, buy after cart, rate after buy.
    """
    passes = rng.random(chances.shape) < chances
    rows = 1 + passes.cumprod(axis=1).sum(axis=1)
    step = np.repeat(np.arange(len(rows)), rows)
    kind = np.arange(len(step)) - (rows.cumsum() - rows)[step]

    product, customer = walk.product[step], walk.customer[step]
    liking = 3.4 + (items.style[product] == leaning[customer]) + rng.normal(0, 0.9, len(step))
    rating = np.where(kind == KINDS.index("rate"), np.rint(liking).clip(1, 5), np.nan)
    time = times(walk, step, rng)
    return Shop(customer, product, kind, time, rating, walk.need[step], walk.stage[step],
                walk.taste[step], leaning, items)


def times(walk, step, rng):
    """(n,) unix seconds: each customer's sessions, spread over 2024, in waking hours."""
    session = walk.begins.cumsum() - 1
    owner = walk.customer[walk.begins]
    total = np.bincount(owner)
    number = np.arange(len(owner)) - (total.cumsum() - total)[owner]
    day = ((number + rng.random(len(owner))) * 360 / total[owner]).astype(int) + number
    hour = 7 + 16 * rng.beta(3, 2, len(owner))
    opening = int(np.datetime64("2024-01-01T00:00:00", "s").astype(int))
    start = opening + 86400 * day + (3600 * hour).astype(int)

    # one clock runs through the whole log; each session sets it back to zero
    clock = rng.integers(15, 180, len(step)).cumsum()
    first = np.searchsorted(session[step], np.arange(len(owner)))
    return start[session[step]] + clock - clock[first][session[step]]


def last_steps(shop):
    """(C,) position of the first event of each customer's last step: the test target."""
    starts = np.flatnonzero(shop.kind == 0)
    last = np.diff(shop.customer[starts], append=-1) != 0
    return starts[last]


def oracle(shop, position):
    """True chance of every product at some steps, knowing all that was planted up to there.

    position (m,): first events of steps, none of them a customer's first. Returns (m, P).
    Nobody can rank better, on average, than by these chances.
    """
    rows = np.arange(len(position))
    before = position - 1
    need, stage, last = shop.need[before], shop.stage[before], shop.product[before]
    goes_on = np.where(stage < LAST_STAGE, ON, 0)

    same_session = np.zeros((len(position), len(NAMES)))
    same_session[rows, NEEDS[need, stage]] += STAY
    same_session[rows, NEEDS[need, np.minimum(stage + 1, LAST_STAGE)]] += goes_on
    new_session = np.zeros_like(same_session)
    for taste, weight in zip(shop.taste[position].T, TASTE_WEIGHTS, strict=True):
        new_session[rows, taste] += weight * (1 - STAY - goes_on)

    items = shop.items
    shares = shelf_shares(items)
    style = shop.leaning[shop.customer[position]]
    chance = same_session[:, items.category] * shares[style, items.family[last]]
    chance += new_session[:, items.category] * shares[style, NO_FAMILY]
    for row, here in enumerate(position):
        first = np.searchsorted(shop.customer, shop.customer[here])
        chance[row, shop.product[first:here]] = 0
    return chance / chance.sum(axis=1, keepdims=True)


def oracle_score(users, items, log):
    """The bundled shop's oracle as a model: score(spans, log) -> logits, as in results/metrics.py.

    users, items: the ids as read from shop.csv; log: their steps, as serialised from it.
    """
    shop = generate()
    steps = np.flatnonzero(shop.kind == 0)
    first_step = np.searchsorted(shop.customer[steps], np.arange(len(shop.leaning)))
    customer = {name: number for number, name in enumerate(customer_ids(len(shop.leaning)))}
    product = {name: number for number, name in enumerate(product_ids(len(shop.items.price)))}
    first_step = first_step[[customer[user] for user in users]]
    column = [product[item] for item in items]

    def score(spans, log):
        user = np.searchsorted(log.starts, spans[:, 0], side="right") - 1
        step = first_step[user] + spans[:, 1] - spans[:, 0]
        chance = oracle(shop, steps[step])[:, column]
        chance = np.clip(chance, 1e-9, 1 - 1e-9)
        return np.log(chance) - np.log1p(-chance)

    return score


def customer_ids(customers):
    """One id a customer; a few numbers are left out, they are the bots'."""
    ids = [f"C{number:04d}" for number in range(1, customers + len(BOTS) + 1)]
    return [name for name in ids if name not in BOTS][:customers]


def product_ids(products):
    return [f"P{number:04d}" for number in range(1, products + 1)]


if __name__ == "__main__":
    from .mess import main

    main()
