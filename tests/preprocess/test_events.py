"""Reading and cleaning: every format, every rule, every mistake a log can hold."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from tinyrec.errors import InputError
from tinyrec.preprocess.events import clean, read_events, read_rows, read_titles

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


def message(path):
    with pytest.raises(InputError) as error:
        read_events(path)
    text = str(error.value)
    assert path.name in text
    assert "\n" not in text
    return text


# Formats


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_is_read_with_any_delimiter(tmp_path, delimiter):
    lines = ["user,item,event,timestamp", "ann,007,view,5", "ann,7,buy,6"]
    path = write(tmp_path, "\n".join(lines).replace(",", delimiter))
    events = read_events(path)
    assert triples(events) == [("ann", "007", "view"), ("ann", "7", "buy")]
    assert events.time.tolist() == [5, 6]


@pytest.mark.parametrize(
    "header",
    [
        "user_id,product_id,event_type,event_time",
        "UserID,MovieID,Action,Date",
        "Customer,ITEM,behavior,ts",
    ],
)
def test_common_names_of_columns_are_understood(tmp_path, header):
    rows = read_rows(write(tmp_path, header + "\na,b,view,1\n"))
    assert list(rows) == ["user", "item", "event", "timestamp", "row"]
    assert list(rows.values()) == [["a"], ["b"], ["view"], ["1"], [2]]


def test_of_two_names_for_a_column_the_id_is_taken(tmp_path):
    rows = read_rows(write(tmp_path, "user,product,product_id\na,Phone,17\n"))
    assert rows["item"] == ["17"]


def test_quoted_fields_may_hold_delimiters_and_line_ends(tmp_path):
    path = write(tmp_path, 'user,item,title\n"a,b",1,"say ""hi""\nyou"\nc,2,x\n')
    events = read_events(path)
    assert events.users.tolist() == ["a,b", "c"]
    assert events.titles == {"1": 'say "hi"\nyou', "2": "x"}


def test_byte_order_mark_windows_line_ends_and_blank_lines_do_not_matter(tmp_path):
    path = write(tmp_path, "\r\nuser,item\r\na,1\r\n\r\nb,2\r\n", encoding="utf-8-sig")
    events = read_events(path)
    assert triples(events) == [("a", "1", "event"), ("b", "2", "event")]


def test_gzip_is_unpacked(tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"user,item\na,1\n"))
    assert triples(read_events(path)) == [("a", "1", "event")]


@pytest.mark.parametrize("delimiter", ["\t", "::"])
def test_movielens_ratings_need_no_header(tmp_path, delimiter):
    text = "1,10,4,200\n1,11,3,100\n".replace(",", delimiter)
    events = read_events(write(tmp_path, text))
    assert triples(events) == [("1", "11", "event"), ("1", "10", "event")]
    assert events.numeric["rating"].tolist() == [3, 4]
    assert events.time.tolist() == [100, 200]


def test_movielens_tab_file_with_a_header_is_read_alike(tmp_path):
    bare = "1\t10\t4\t200\n1\t11\t3\t100\n"
    header = "UserID\tMovieID\tRating\tTimestamp\n"
    one = read_events(write(tmp_path, bare, "bare"))
    other = read_events(write(tmp_path, header + bare, "headed"))
    assert triples(one) == triples(other)
    assert one.numeric["rating"].tolist() == other.numeric["rating"].tolist()


def test_sequences_keep_their_order_and_users_are_line_numbers(tmp_path):
    events = read_events(write(tmp_path, "9 007 9\n\n7 9\n"))
    pairs = [(user, item) for user, item, _ in triples(events)]
    assert pairs == [("1", "9"), ("1", "007"), ("1", "9"), ("3", "7"), ("3", "9")]
    assert events.time is None
    assert events.kinds == ("event",)
    assert events.numeric == {}


def test_raw_ids_are_kept_exactly(tmp_path):
    events = read_events(write(tmp_path, "user,item\n01,007\n1,7\n 1,7.0\n"))
    assert events.users.tolist() == ["01", "1", " 1"]
    assert events.items.tolist() == ["007", "7", "7.0"]


def test_numbers_become_numeric_and_other_columns_are_ignored(tmp_path):
    text = "user,item,rating,age,city\na,1,4,30,Rome\na,2,,31,Oslo\n"
    events = read_events(write(tmp_path, text))
    assert list(events.numeric) == ["rating", "age"]
    np.testing.assert_array_equal(events.numeric["rating"], [4, np.nan])


@pytest.mark.parametrize(
    "text",
    [
        "2001-09-09T01:46:40Z",
        "2001-09-09 01:46:40",
        "2001-09-09T03:46:40+02:00",
        "1000000000",
        "1000000000000",
    ],
)
def test_every_way_to_write_a_time_gives_the_same_seconds(tmp_path, text):
    events = read_events(write(tmp_path, f"user,item,time\na,1,{text}\n"))
    assert events.time.tolist() == [1e9]


def test_a_plain_date_is_its_midnight_in_utc(tmp_path):
    events = read_events(write(tmp_path, "user,item,date\na,1,1970-01-02\n"))
    assert events.time.tolist() == [86400]


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


def test_file_order_breaks_ties_in_time(tmp_path):
    text = "user,item,time\nb,3,5\na,9,5\nb,1,5\nb,2,5\nb,0,4\n"
    events = read_events(write(tmp_path, text))
    assert [item for _, item, _ in triples(events)] == ["0", "3", "1", "2", "9"]
    assert events.users.tolist() == ["b", "a"]


def test_without_times_each_users_rows_keep_their_file_order():
    users, items = ["a", "b", "c"] * 100, [str(i) for i in range(300)]
    events = clean({"user": users, "item": items})
    assert events.items[events.item].tolist() == items[0::3] + items[1::3] + items[2::3]


# Cleaning rules


def test_rows_without_user_or_item_are_removed_and_counted(tmp_path):
    events = read_events(write(tmp_path, "user,item\n,1\na, \na,2\n"))
    assert events.report == (("rows with a missing user or item id removed", 2),)
    assert triples(events) == [("a", "2", "event")]
    assert events.items.tolist() == ["2"]


def test_rows_with_an_unreadable_time_are_removed_and_counted(tmp_path):
    text = "user,item,time\na,1,yesterday\na,2,5\na,3,\na,4,inf\n"
    events = read_events(write(tmp_path, text))
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


def test_unreadable_ratings_are_blanked_and_counted_missing_ones_only_blank(tmp_path):
    events = read_events(write(tmp_path, "user,item,rating\na,1,4\na,2,good\na,3,\n"))
    assert counts(events)["unreadable values of rating blanked"] == 1
    np.testing.assert_array_equal(events.numeric["rating"], [4, np.nan, np.nan])


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
    assert [count for _, count in events.report] == [0, 0, 0, 0, 0]


# Titles


@pytest.mark.parametrize(
    "text",
    [
        "item,title\n1,Müller\n2,B (1995)\n",
        "movieId\ttitle\tgenres\n1\tMüller\tx|y\n2\tB (1995)\tz\n",
        "1|Müller|01-Jan-1995||0\n2|B (1995)|||1\n",
        "MovieID|Title|date\n1|Müller|\n2|B (1995)|\n",
        "1::Müller::Drama|War\n2::B (1995)::War\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_titles_are_read_from_every_format(tmp_path, text, encoding):
    path = write(tmp_path, text, encoding=encoding)
    assert read_titles(path) == {"1": "Müller", "2": "B (1995)"}


def test_titles_of_an_items_file_join_the_events(tmp_path):
    log = write(tmp_path, "user,item\na,01\n")
    items = write(tmp_path, "item,title\n01,Lamp\n", "items.csv")
    assert read_events(log, items).titles == {"01": "Lamp"}


# Mistakes


def test_missing_user_or_item_column_lists_the_columns_found(tmp_path):
    text = message(write(tmp_path, "item,who,when\n1,a,5\n"))
    assert "user" in text and "item, who, when" in text
    text = message(write(tmp_path, "user_id,thing\na,1\n"))
    assert "item" in text and "user, thing" in text
    text = message(write(tmp_path, "user item\na 1\n"))
    assert "user, item" in text


def test_a_ragged_row_is_named_with_both_counts(tmp_path):
    text = message(write(tmp_path, "user,item,time\na,1,5\na,2\n"))
    assert "row 3" in text and "2 fields" in text and "3 are expected" in text
    text = message(write(tmp_path, "1\t2\t3\t4\n1\t2\t3\t4\t5\n"))
    assert "row 2" in text and "5 fields" in text and "4 are expected" in text


def test_no_readable_time_names_the_first_bad_row_and_its_value(tmp_path):
    text = message(write(tmp_path, "user,item,time\n\na,1,noon\na,2,later\n"))
    assert "row 3" in text and "timestamp" in text and "'noon'" in text


def test_no_usable_ids_name_row_and_column(tmp_path):
    text = message(write(tmp_path, "user,item\na,\n,2\n"))
    assert "row 2" in text and "column item" in text and "''" in text


@pytest.mark.parametrize("column", ["price", "rating"])
def test_a_column_without_one_number_names_the_first_value(tmp_path, column):
    text = message(write(tmp_path, f"user,item,{column}\na,1,\na,2,free\n"))
    assert "row 3" in text and column in text and "'free'" in text


def test_unfinished_quote_names_a_row(tmp_path):
    assert "row 3" in message(write(tmp_path, 'user,item\na,1\nb,"2\n'))


def test_wrong_encoding_names_the_row(tmp_path):
    path = write(tmp_path, "user,item\na,1\nJosé,2\n", encoding="latin-1")
    text = message(path)
    assert "row 3" in text and "UTF-8" in text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n\n",
        b"user,item\n",
        b",,,\n,,,\n",
        b"user,item\na,\x00\n",
        bytes(range(128, 256)),
        b"\x1f\x8bnot really zipped",
        gzip.compress(b"user,item\na,1\n")[:-9],
        "user,item\na,1\n".encode("utf-16"),
    ],
)
def test_what_is_no_log_is_refused_in_one_sentence(tmp_path, data):
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    message(path)


def test_missing_file_and_directory_are_refused(tmp_path):
    assert "No such file" in message(tmp_path / "absent.csv")
    assert "directory" in message(tmp_path)


def test_an_empty_table_is_refused():
    with pytest.raises(InputError, match="no rows"):
        clean({"user": [], "item": []})


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
