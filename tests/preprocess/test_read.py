"""Files and tables: every format, which column is which, every mistake a file can hold."""

import gzip
import multiprocessing
import re
import zipfile

import numpy as np
import polars as pl
import pytest
from test_events import triples, write

from tinyrec.errors import InputError
from tinyrec.preprocess.columns import GENRES, parse_columns
from tinyrec.preprocess.events import read_events
from tinyrec.preprocess.read import read_items, read_titles


def message(path, **given):
    with pytest.raises(InputError) as error:
        read_events(path, **given)
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
    events = read_events(write(tmp_path, header + "\na,b,view,1\n"))
    assert triples(events) == [("a", "b", "view")]
    assert events.time.tolist() == [1]
    user, item, event, time = header.split(",")
    expected = f"user = {user}, item = {item}, event = {event}, time = {time} (seconds, UTC)"
    assert events.understood == expected


def test_of_two_names_for_a_column_the_id_is_taken(tmp_path):
    events = read_events(write(tmp_path, "user,product,product_id\na,Phone,17\n"))
    assert triples(events) == [("a", "17", "event")]


def test_quoted_fields_may_hold_delimiters_and_line_ends(tmp_path):
    path = write(tmp_path, 'user,item,title\n"a,b",1,"say ""hi""\nyou"\nc,2,x\n')
    events = read_events(path)
    assert events.users.tolist() == ["a,b", "c"]
    assert events.titles == {"1": 'say "hi" you', "2": "x"}


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
    text = "1,10,4,880000200\n1,11,3,880000100\n".replace(",", delimiter)
    events = read_events(write(tmp_path, text))
    assert triples(events) == [("1", "11", "event"), ("1", "10", "event")]
    assert events.numeric["rating"].tolist() == [3, 4]
    assert events.time.tolist() == [880000100, 880000200]


def test_movielens_tab_file_with_a_header_is_read_alike(tmp_path):
    bare = "1\t10\t4\t880000200\n1\t11\t3\t880000100\n"
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


def test_raw_ids_are_kept_exactly_but_for_blanks_around_them(tmp_path):
    events = read_events(write(tmp_path, "user, item\n01,007\n1 a, 7\n -1,7.0\n"))
    assert events.users.tolist() == ["01", "1 a", "-1"]
    assert events.items.tolist() == ["007", "7", "7.0"]
    log = {"user": ["\x1e7\u3000", "7\x1c", "\x1e"], "item": ["1", "2", "3"]}
    rows = map(",".join, zip(*log.values(), strict=True))
    for same in write(tmp_path, "\n".join(["user,item", *rows])), log:
        assert read_events(same).users.tolist() == ["7"]


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


def test_a_header_that_is_known_in_part_gives_the_command_to_type(tmp_path):
    text = message(write(tmp_path, "item,who,when\n1,a,2019-10-01\n2,a,2019-10-02\n"))
    assert "item,who,when" in text
    assert "--columns user=who,item=item,timestamp=when" in text
    text = message(write(tmp_path, "user item\n", "none.txt"))
    assert "a header and no rows" in text


def test_a_file_without_header_is_refused_with_its_first_row_and_the_command(tmp_path):
    rows = "u1,2019-10-01,30.25,i1\nu1,2019-10-02,30.25,i2\n"
    text = message(write(tmp_path, rows))
    assert "row 1" in text and "u1,2019-10-01,30.25,i1" in text
    assert text.endswith("type --columns user=1,item=4,timestamp=2")
    events = read_events(write(tmp_path, rows), columns="user=1,item=4,timestamp=2")
    assert triples(events) == [("u1", "i1", "event"), ("u1", "i2", "event")]


@pytest.mark.parametrize(
    "rows",
    ["1\t10\t4\t2000", "1\t10\t6\t880000200", "1\tx\t4\t880000200", "1\t2\t880000200"],
)
def test_what_is_not_movielens_in_every_column_is_not_taken_for_it(tmp_path, rows):
    good = "1\t10\t4\t880000100\n" if rows.count("\t") == 3 else ""
    assert "--columns user=1,item=2" in message(write(tmp_path, good + rows))


def test_a_row_that_does_not_fit_is_left_out_and_named(tmp_path):
    rows = [f"a,{item},5" for item in range(40)]
    rows[9] = "a,9,5,x"
    path = write(tmp_path, "\n".join(["user,item,time", *rows]))
    events = read_events(path)
    assert len(events.item) == 39
    assert events.report[0] == (
        "broken rows left out, the first is row 11: 4 fields where 3 are expected", 1
    )  # fmt: skip
    assert "row 11" in message(path, strict=True)


@pytest.mark.parametrize("row", ["a,2", 'a,"2"x,5', "a,2,5,6"])
def test_more_broken_rows_than_one_in_twenty_have_to_be_forced(tmp_path, row):
    path = write(tmp_path, f'user,item,time\n"a",1,5\n{row}\na,3,6\n')
    assert "row 3" in message(path) and "--force" in message(path)
    assert read_events(path, force=True).items.tolist() == ["1", "3"]


def test_no_readable_time_names_the_first_bad_row_and_its_value(tmp_path):
    text = message(write(tmp_path, "user,item,time\n\na,1,noon\na,2,later\n"))
    assert "row 3" in text and "timestamp" in text and "'noon'" in text


def test_no_usable_ids_name_row_and_value(tmp_path):
    text = message(write(tmp_path, "user,item\na,\nb,NA\n"))
    assert "row 2" in text and "no item" in text and "''" in text
    assert "no row is left, 2 rows" in message(write(tmp_path, "user,item\na,\n,2\n"))


def test_an_unclosed_quote_is_named_by_the_row_where_it_opens(tmp_path):
    for rest in ("c,3\n", "c,3\n" * 50_000):
        path = write(tmp_path, 'user,item\na,1\nb,"2\n' + rest)
        assert "row 3: a quote opens" in message(path)


def test_a_pair_of_stray_quotes_far_apart_swallows_no_rows(tmp_path):
    path = write(tmp_path, 'user,item,title\na,1,"x\n' + "b,2,x\n" * 5000 + 'c,3,y"\n')
    assert "row 2: a quote opens" in message(path)
    near = write(tmp_path, 'user,item,title\na,1,"x\n' + "b,2,x\n" * 50 + 'c,3,y"\n')
    assert len(read_events(near).item) == 1


def test_fields_all_in_quotes_or_some_are_read_alike(tmp_path):
    bare = "user,item,time\na,1,5\na,2,6\n"
    for text in (bare, bare.replace("a", '"a"'), re.sub(r"(\w+)", r'"\1"', bare), bare + ',"",\n'):
        assert triples(read_events(write(tmp_path, text))) == [("a", "1", "event"),
                                                              ("a", "2", "event")]  # fmt: skip


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "sep=;\r"])
def test_the_separator_that_a_first_line_tells_excel_is_heeded(tmp_path, said):
    path = write(tmp_path, said + "\nuser,id;item;time\na,b;1;5\na,b;2;noon\n")
    assert "row 4: 'noon'" in message(path, columns={"user": "user,id"})


def test_a_forked_process_is_told_that_it_cannot_read(tmp_path):
    path = write(tmp_path, "user,item\na,1\n")
    read_events(path)
    asked = multiprocessing.get_context("fork").Pool(1)
    with asked as pool, pytest.raises(InputError, match=r"forked.*spawn"):
        pool.apply_async(read_events, (path,)).get(timeout=60)


def test_a_quote_in_a_tab_file_is_a_letter_unless_all_fields_are_in_quotes(tmp_path):
    events = read_events(write(tmp_path, 'user\titem\na\t"Weird" Al\na\t5" nail\n'))
    assert events.items.tolist() == ['"Weird" Al', '5" nail']
    events = read_events(write(tmp_path, '"user"\t"item"\n"a"\t"x\ty"\n'))
    assert triples(events) == [("a", "x\ty", "event")]


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
        gzip.compress(b"user,item\na,1\n", mtime=0)[:-9],
    ],
)
def test_what_is_no_log_is_refused_in_one_sentence(tmp_path, data):
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    message(path)


def test_missing_file_and_directory_are_refused(tmp_path):
    assert "No such file" in message(tmp_path / "absent.csv")
    assert "directory" in message(tmp_path)


# Columns


def test_columns_are_named_by_a_dict_or_a_text_and_others_still_known_by_name(tmp_path):
    path = write(tmp_path, "userId,session,aid,when\na,x,1,2019-10-02\na,y,2,2019-10-01\n")
    for columns in ({"user": "session", "time": "when"}, "user=session,time=when"):
        events = read_events(path, columns=columns)
        assert triples(events) == [("x", "1", "event"), ("y", "2", "event")]
        assert events.understood == (
            "user = session (each session is a user), item = aid, time = when (UTC), "
            "1 not used: userId"
        )
    assert "no column 'who'; found" in message(path, columns={"user": "who"})
    assert "write user=NAME" in message_of_columns("user")


def message_of_columns(text):
    with pytest.raises(InputError) as error:
        parse_columns(text)
    return str(error.value)


def test_numbers_of_columns_leave_a_known_header_out(tmp_path):
    path = write(tmp_path, "user,item,x\na,1,p\n")
    assert triples(read_events(path, columns="user=1,item=3")) == [("a", "p", "event")]


def test_without_a_time_it_is_said_and_what_looks_like_one_is_suggested(tmp_path):
    path = write(tmp_path, "user,item,when\na,1,1569888000\n")
    assert read_events(path).understood == (
        "user = user, item = item, no time: order of the file, "
        "(when looks like one: --columns timestamp=when), numbers = when"
    )
    assert read_events(path, columns={"timestamp": ""}).time is None


def test_a_date_and_a_clock_in_two_columns_are_one_time(tmp_path):
    text = "user,item,order_date,order_time\na,1,2001-09-09,01:46:40\n"
    events = read_events(write(tmp_path, text))
    assert events.time.tolist() == [1e9]
    assert "time = order_date and order_time" in events.understood
    events = read_events(write(tmp_path, text), columns="timestamp=order_date+order_time")
    assert events.time.tolist() == [1e9]


@pytest.mark.parametrize(
    ("header", "user", "item"),
    [
        ("visitorid,itemid", "visitorid", "itemid"),
        ("User-ID;ISBN", "User-ID", "ISBN"),
        ("user_id:token\titem_id:token", "user_id:token", "item_id:token"),
        ("reviewerID,asin", "reviewerID", "asin"),
        ("customer_id,article_id", "customer_id", "article_id"),
        ("session_id,video_id", "session_id (each session is a user)", "video_id"),
        ("asin,parent_asin,user_id", "user_id", "parent_asin"),
        ("user_id,artist_id,track_id", "user_id", "track_id"),
    ],
)
def test_names_of_the_public_logs_are_known(tmp_path, header, user, item):
    width = len(header.replace(";", ",").replace("\t", ",").split(","))
    row = next(s for s in ",;\t" if s in header).join("abc"[:width])
    events = read_events(write(tmp_path, f"{header}\n{row}\n"))
    assert events.understood.startswith(f"user = {user}, item = {item}, no time")


def test_two_columns_of_one_name_are_told_apart_by_number(tmp_path):
    path = write(tmp_path, "user,item,item\na,1,2\n")
    assert "two columns are named item" in message(path)
    assert triples(read_events(path, columns="item=3")) == [("a", "2", "event")]


def test_an_impression_of_mind_becomes_a_row_for_each_click(tmp_path):
    text = "1\tU1\t11/15/2019 9:05:58 AM\t\tN1-0 N2-1 N3-1\n"
    events = read_events(write(tmp_path, text), columns="user=2,item=5,timestamp=3")
    assert sorted(triples(events)) == [("U1", "N2", "event"), ("U1", "N3", "event")]
    assert events.time[0] == 1573808758


# Other formats and tables

TABLE = {"user": ["a", "a", None], "item": [1, 2, 3], "timestamp": [7, 6, 5]}


def test_parquet_arrow_json_and_tables_are_read_alike(tmp_path):
    frame = pl.DataFrame(TABLE)
    frame.write_parquet(tmp_path / "log.parquet")
    frame.write_ipc(tmp_path / "log.arrow")
    frame.write_ndjson(tmp_path / "log.jsonl")
    frame.write_json(tmp_path / "log.json")
    frame.write_csv(tmp_path / "log.csv")
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        archive.write(tmp_path / "log.csv", "folder/log.csv")
    kinds = ("parquet", "arrow", "jsonl", "json", "csv", "zip")
    paths = [tmp_path / f"log.{kind}" for kind in kinds]
    arrays = {name: np.array(column, object) for name, column in TABLE.items()}
    for source in (*paths, frame, frame.lazy(), TABLE, arrays):
        events = read_events(source)
        assert triples(events) == [("a", "2", "event"), ("a", "1", "event")]
        assert events.report[0][1] == 1


def test_a_pandas_table_is_read_without_making_fractions_of_ids():
    pandas = pytest.importorskip("pandas")
    log = pandas.DataFrame(
        {"user": [1, 2, None], "item": ["x", "y", "z"],
         "timestamp": pandas.to_datetime(["2001-09-09 01:46:40"] * 3, utc=True)}
    )  # fmt: skip
    events = read_events(log)
    assert events.users.tolist() == ["1", "2"]
    assert events.time.tolist() == [1e9, 1e9]


def test_lists_of_events_in_json_lines_become_rows(tmp_path):
    line = '{"session": 1, "events": [{"aid": 7, "ts": 2, "type": "carts"}, {"aid": 8, "ts": 1}]}'
    events = read_events(write(tmp_path, line, "otto.jsonl"))
    assert triples(events) == [("1", "8", "event"), ("1", "7", "carts")]


def test_a_broken_line_of_json_is_left_out_and_named(tmp_path):
    lines = [f'{{"user": "a", "item": {item}}}' for item in range(40)]
    lines[3] = lines[3][:9]
    events = read_events(write(tmp_path, "\n".join(lines), "log.jsonl"))
    assert len(events.item) == 39
    assert "row 4: not a JSON object" in events.report[0][0]


def test_excels_unicode_text_is_read(tmp_path):
    path = write(tmp_path, "user\titem\né\t1\n", encoding="utf-16")
    assert triples(read_events(path)) == [("é", "1", "event")]


def test_a_zip_of_several_files_names_them(tmp_path):
    path = tmp_path / "ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ratings.csv", "user,item\na,1\n")
        archive.writestr("movies.csv", "item,title\n1,x\n")
    assert "ratings.csv, movies.csv" in message(path)


def test_a_table_between_blanks_is_not_taken_for_sequences(tmp_path):
    path = write(tmp_path, "1 10 5\n1 11 4\n2 10 3\n")
    assert "--columns user=1,item=2" in message(path) and "--force" in message(path)
    assert triples(read_events(path, columns="user=1,item=2"))[-1] == ("2", "10", "event")
    assert len(read_events(path, force=True).item) == 9
    for text in ("user item\na 1\n", "  user  item\n\t a   1 \n"):
        assert triples(read_events(write(tmp_path, text))) == [("a", "1", "event")]


@pytest.mark.parametrize(
    "text", ["", "\t", " \n", '""', '"\t"', '"""', "a b", "item\ttitle\n", "title\nx\n"]
)
def test_titles_that_are_none_are_refused(tmp_path, text):
    with pytest.raises(InputError) as error:
        read_titles(write(tmp_path, text))
    assert "user" not in str(error.value)


def test_what_a_terminal_would_obey_is_taken_out_of_titles(tmp_path):
    path = write(tmp_path, 'item,title\n1,"\x1b[2J\x07red\u202e \x9b31m\nend"\n')
    assert read_titles(path) == {"1": "[2J red   31m end"}


def test_an_empty_table_is_refused():
    with pytest.raises(InputError, match="no rows"):
        read_events({"user": [], "item": []})


def test_an_items_file_says_more_in_its_further_columns(tmp_path):
    text = "item,title,category,price,picture_url\n1,Red hat,hats,587.2,http://x\n2,,shoes,,\n"
    found = read_items(write(tmp_path, text))
    assert found.titles == {"1": "Red hat"}
    assert found.texts == {"1": "Red hat hats price 600", "2": "shoes"}
    assert found.further == ["category", "price"]
    genres = read_items(write(tmp_path, "item|title|Crime|Comedy\n1|Heat|1|0\n2|Babe|0|1\n"))
    assert genres.texts == {"1": "Heat Crime", "2": "Babe Comedy"}
    movies = read_items(write(tmp_path, "1::Toy Story::Animation|Comedy\n2::Heat::Action\n"))
    assert movies.texts["1"] == "Toy Story Animation|Comedy"


def test_the_flags_of_movielens_are_genres_with_a_header_and_without(tmp_path):
    flags = "|".join("1" if at in (1, 15) else "0" for at in range(19))
    rows = f"1|Alien\xe9 (1979)|01-Jan-1979||http://x|{flags}\n".encode("latin-1")
    path = tmp_path / "u.item"
    path.write_bytes(rows)
    found = read_items(path)
    assert found.texts == {"1": "Alien\xe9 (1979) Action Sci-Fi"}
    assert found.further == ["Action", "Sci-Fi"]  # the others say nothing
    names = "item|title|release_date|video_release_date|IMDb_URL|" + "|".join(GENRES) + "\n"
    path.write_bytes(names.encode() + rows)
    assert read_items(path).texts == {"1": "Alien\xe9 (1979) Action Sci-Fi"}


def test_the_texts_of_items_are_named_where_a_log_is_read(tmp_path):
    log, items = tmp_path / "log.csv", tmp_path / "items.csv"
    log.write_text("user,item\na,1\na,2\nb,1\n")
    items.write_text("item,title,genres\n1,Heat,Action\n3,Alien,Horror\n")
    events = read_events(log, items=items)
    assert events.texts == {"1": "Heat Action", "3": "Alien Horror"}
    assert ("items whose text has their genres", 2) in events.report
