"""From columns of text to Events: the order, every cleaning rule, what they say."""

from pathlib import Path

import numpy as np
import pytest

from tinyrec.errors import InputError
from tinyrec.preprocess.events import clean, read_events

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def write(folder, text, name="log.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def triples(events):
    """(user, item, kind) of each event, as written in the log."""
    users, items = events.users[events.user], events.items[events.item]
    kinds = np.array(events.kinds)[events.kind]
    return list(zip(users.tolist(), items.tolist(), kinds.tolist(), strict=True))


def counts(events):
    return dict(events.report)


# Order


def test_order_is_restored_from_shuffled_rows(tmp_path):
    lines = [f"{user},{user}{time},{time}" for user in "ab" for time in range(10, 40)]
    shuffled = np.random.default_rng(0).permutation(lines)
    path = write(tmp_path, "user,item,time\n" + "\n".join(shuffled))
    events = read_events(path)
    for user in range(2):
        name = events.users[user]
        items = events.items[events.item[events.user == user]]
        assert items.tolist() == [f"{name}{time}" for time in range(10, 40)]
    assert np.all(np.diff(events.user) >= 0)


def test_the_order_of_equal_times_is_not_the_files_and_the_same_for_every_file():
    rows = [(user, str(item), "5") for user in "abcd" for item in range(50)]
    shuffled = [rows[at] for at in np.random.default_rng(0).permutation(len(rows))]
    names = ("user", "item", "time")
    one, other = (
        clean(dict(zip(names, zip(*file, strict=True), strict=True))) for file in (rows, shuffled)
    )
    by_user = [
        [[item for user, item, _ in triples(events) if user == name] for name in "abcd"]
        for events in (one, other)
    ]
    assert by_user[0] == by_user[1]
    places = np.array([np.argsort(np.array(items, int)) for items in by_user[0]])
    assert abs(np.corrcoef(np.vstack([np.arange(50), places]))[np.triu_indices(5, 1)]).max() < 0.4
    assert counts(one)[
        "events at the same time as another of their user (100%): ordered by a hash of the ids"
    ] == 200


def test_equal_times_of_one_user_and_item_keep_the_order_of_the_file():
    kinds = ["view", "cart", "buy"]
    events = clean({"user": "aaa", "item": "111", "event": kinds, "time": "555"})
    assert triples(events) == [("a", "1", "buy")]


def test_without_times_each_users_rows_keep_their_file_order():
    users, items = ["a", "b", "c"] * 100, [str(i) for i in range(300)]
    events = clean({"user": users, "item": items})
    assert events.items[events.item].tolist() == items[0::3] + items[1::3] + items[2::3]


# Cleaning rules


def test_every_way_to_write_that_an_id_is_missing_is_understood_unless_they_are_kept():
    missing = ["NA", "N/A", "NULL", "None", "nan", r"\N", "", " "]
    columns = {"user": ["a", *missing], "item": ["1"] * 9}
    assert triples(clean(columns)) == [("a", "1", "event")]
    assert clean(columns, keep_na=True).users.tolist() == ["a", *missing[:6]]


def test_a_rule_that_loses_more_than_one_time_in_twenty_has_to_be_forced():
    times = ["2019-10-01"] * 19
    few, many = [*times, "soon"], [*times, "soon", "later"]
    rows = {"user": ["a"] * 21, "item": [str(i) for i in range(21)], "date": many}
    assert len(clean({name: column[:20] for name, column in rows.items()} | {"date": few}).item)
    with pytest.raises(InputError, match=r"row 20: 'soon', one of 2 rows of 21.*--force"):
        clean(rows)
    assert len(clean(rows, force=True).item) == 19


def test_many_missing_users_are_in_question_where_another_column_could_hold_them():
    rows = {"userId": ["NA", "NA", "a"], "sessionId": ["x", "x", "y"], "item": ["1", "2", "3"]}
    with pytest.raises(InputError, match=r"2 rows of 3 .*--columns user=sessionId.*--force"):
        clean(rows)
    assert clean(rows, force=True).users.tolist() == ["a"]
    assert read_events(rows, columns={"user": "sessionId"}).users.tolist() == ["x", "y"]


def test_a_column_of_ids_is_no_number():
    events = clean({"user": ["a", "b"], "item": ["1", "2"], "age": ["5", "6"],
                    "category_id": ["7", "8"]})  # fmt: skip
    assert list(events.numeric) == ["age"]


@pytest.mark.parametrize(
    ("name", "values"), [("price", ["0.0", "0"]), ("price", ["1,99", "2,99"]),
                         ("rating", ["like", "dislike"])]
)  # fmt: skip
def test_a_price_or_rating_without_a_usable_number_is_left_out_with_a_word(name, values):
    events = clean({"user": ["a", "b"], "item": ["1", "2"], name: values})
    assert events.numeric == {}
    assert f"values of {name} usable, {values[0]!r} is not: left out" in counts(events)
    assert f"1 not used: {name}" in events.understood


def test_one_very_long_id_costs_its_own_length_only():
    ids = [str(i) for i in range(1000)] + ["x" * 5000]
    events = clean({"user": ids, "item": ids})
    assert events.users.tolist() == ids
    assert events.users.nbytes < 10_000
    assert np.flatnonzero(events.users == ids[-1]).tolist() == [1000]


def test_an_id_longer_than_any_real_one_is_refused_by_its_row():
    ids = ["a", "b", "x" * 5001]
    with pytest.raises(InputError, match=r"row 3: an item id of 5,001 letters.*--columns item="):
        clean({"user": ["a"] * 3, "item": ids})


def test_rows_without_user_or_item_are_removed_and_counted(tmp_path):
    events = read_events(write(tmp_path, "user,item\n,1\na, \na,2\n"))
    assert events.report == (("rows with a missing user or item id removed", 2),)
    assert triples(events) == [("a", "2", "event")]
    assert events.items.tolist() == ["2"]


def test_rows_with_an_unreadable_time_are_removed_and_counted(tmp_path):
    text = "user,item,time\na,1,yesterday\na,2,5\na,3,\na,4,inf\n"
    events = read_events(write(tmp_path, text), force=True)
    assert counts(events)["rows with an unreadable time removed"] == 3
    assert events.items.tolist() == ["2"]


def test_exact_duplicates_are_removed_and_counted(tmp_path):
    text = "user,item,time,city\na,1,5,x\na,1,5,x\na,1,5,x\na,1,5,y\na,1,6,x\n"
    events = read_events(write(tmp_path, text))
    assert counts(events)["exact duplicates removed"] == 2
    assert len(events.user) == 3


def test_without_times_a_repeat_is_kept(tmp_path):
    events = read_events(write(tmp_path, "user,item\na,1\na,1\n"))
    assert len(events.user) == 2
    assert "exact duplicates removed" not in counts(events)


def test_only_busy_users_of_the_usual_kind_alone_are_bots():
    users = ["bot"] * 1001 + ["busy"] * 1000 + ["human"] * 1001 + ["buyer"] * 1001
    kinds = ["view"] * (1001 + 1000) + ["view"] * 1000 + ["buy"] + ["buy"] * 1001
    items = [str(i) for i in range(len(users))]
    events = clean({"user": users, "item": items, "event": kinds})
    assert counts(events)["events of bots removed"] == 1001
    assert events.users.tolist() == ["busy", "human", "buyer"]


def test_a_log_with_one_kind_of_event_has_no_bots_and_no_steps():
    users, items = ["a"] * 1500, ["1"] * 1500
    events = clean({"user": users, "item": items})
    assert len(events.user) == 1500
    assert list(counts(events)) == ["rows with a missing user or item id removed"]


def test_impossible_prices_are_blanked_and_their_rows_kept(tmp_path):
    prices = ["10", "11", "12", "free", "0", "-3", "1101", "", "1099"]
    lines = [f"a,1,{price}" for price in prices] + ["a,2,5000"]
    events = read_events(write(tmp_path, "user,item,price\n" + "\n".join(lines)))
    assert counts(events)["impossible values of price blanked"] == 3
    expected = [10, 11, 12, *[np.nan] * 3, 1101, np.nan, 1099, 5000]
    np.testing.assert_array_equal(events.numeric["price"], expected)


def test_a_price_over_a_hundred_times_the_items_median_is_impossible(tmp_path):
    lines = ["a,1,10", "a,1,10", "a,1,10", "a,1,1000", "a,1,1000.5", "a,2,9000"]
    events = read_events(write(tmp_path, "user,item,price\n" + "\n".join(lines)))
    assert counts(events)["impossible values of price blanked"] == 1
    np.testing.assert_array_equal(events.numeric["price"], [10, 10, 10, 1000, np.nan, 9000])


def test_an_items_median_price_is_its_own():
    prices = [1, 2, 3, 251, 1000, 2000]
    events = clean({"user": "aaaaaa", "item": "111122", "price": prices})
    expected = [1, 2, 3, np.nan, 1000, 2000]  # 251 is more than a hundred times 2.5
    np.testing.assert_array_equal(events.numeric["price"], expected)


def test_unreadable_ratings_are_blanked_and_counted_missing_ones_only_blank(tmp_path):
    events = read_events(write(tmp_path, "user,item,rating\na,1,4\na,2,good\na,3,\n"))
    assert counts(events)["unreadable values of rating blanked"] == 1
    np.testing.assert_array_equal(events.numeric["rating"], [4, np.nan, np.nan])


def test_it_is_said_how_gaps_are_filled(tmp_path):
    text = "user,item,rating,price,age\na,1,4,5,\na,2,,6,7\n"
    events = read_events(write(tmp_path, text))
    said = "numbers = rating, price, age, gaps in rating = the mean and a flag"
    assert events.understood.endswith(said)


def test_the_funnel_becomes_one_step(tmp_path):
    text = (
        "user,item,event,time,rating,price\n"
        "a,1,view,10,,5\n"
        "a,1,cart,20,,6\n"
        "a,1,rate,30,4,\n"
        "a,2,view,40,,7\n"
        "a,1,view,50,,\n"
        "b,1,view,60,,\n"
    )
    events = read_events(write(tmp_path, text))
    assert triples(events) == [
        ("a", "1", "rate"), ("a", "2", "view"), ("a", "1", "view"), ("b", "1", "view"),
    ]  # fmt: skip
    assert events.time.tolist() == [10, 40, 50, 60]
    np.testing.assert_array_equal(events.numeric["rating"], [4, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(events.numeric["price"], [6, 7, np.nan, np.nan])
    assert counts(events)["events merged into the step before them"] == 2


def test_rules_that_struck_nothing_are_reported_with_zero(tmp_path):
    events = read_events(write(tmp_path, "user,item,event,time\na,1,view,1\na,2,buy,2\n"))
    assert [count for _, count in events.report] == [0, 0, 0, 0, 0, 0]


# Titles


def test_of_several_titles_the_last_one_stays():
    events = clean({"user": "aab", "item": "112", "title": ["Lamp", "Desk lamp", ""]})
    assert events.titles == {"1": "Desk lamp"}


def test_titles_that_differ_from_row_to_row_are_no_items_titles():
    events = clean({"user": "abc", "item": "111", "title": ["Great!", "Good", "Bad"]})
    assert events.titles == {}
    assert "titles read: title differs between rows of the same item" in counts(events)


def test_titles_whose_ids_are_not_the_logs_are_pointed_out():
    log = {"user": ["a", "b"], "item": ["1", "2"]}
    strangers, known = {"item": ["B01"], "title": ["Lamp"]}, {"item": ["2"], "title": ["Lamp"]}
    assert "'B01'" in read_events(log, items=strangers).report[-1][0]
    assert read_events(log, items=known).report == read_events(log).report


# Real logs


def test_movielens_100k_is_read_whole():
    path = DATA / "ml-100k" / "u.data"
    if not path.exists():
        pytest.skip("needs MovieLens-100K beside the repository")
    events = read_events(path, path.with_name("u.item"))
    assert len(events.users) == 943
    assert len(events.items) == 1682
    assert len(events.user) == 100_000
    assert set(events.items.tolist()) <= events.titles.keys()
