"""Small logs in the layouts people have: what each is right to give.

Invented, and not part of this repository: where the folder is not beside it, all is skipped.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.test_cli import process, tinyrec
from tinyrec import InputError, Recommender, read_events
from tinyrec.preprocess.read import read_titles

CASES = Path(__file__).parents[2] / "shared" / "cases"
if not CASES.exists():
    pytest.skip("the cases are not beside this repository", allow_module_level=True)

SIZES = {
    "ml25m-ratings.csv": (40, 30, 320), "ratings.dat": (40, 30, 320), "u.data": (40, 30, 320),
    "pipe.csv": (40, 30, 320), "known-time-name.csv": (40, 30, 320),
    "lastfm1k-headed.tsv": (40, 30, 320), "quotes-headed.tsv": (40, 30, 320),
    "retailrocket-events.csv": (40, 30, 320), "rees46-2019-Oct.csv": (40, 30, 320),
    "na-users.csv": (20, 30, 160), "session-log.csv": (40, 30, 320),
    "amazon2023-All_Beauty.csv": (40, 30, 320), "amazon-5core.json": (40, 30, 320),
    "generic.jsonl": (40, 30, 320), "recbole-ml.inter": (40, 30, 320),
    "time-named-created_at.csv": (400, 120, 4800), "unknown-time-name.csv": (40, 30, 320),
    "unpadded-dates.csv": (60, 30, 1200), "micros.csv": (40, 30, 320),
    "price-zero.csv": (40, 30, 320), "price-decimal-comma.csv": (40, 30, 320),
    "rating-words.csv": (40, 30, 320), "space-after-comma.csv": (40, 30, 320),
    "dash-ids.csv": (40, 30, 320), "long-url-ids.csv": (40, 31, 320),
    "ratings.parquet": (40, 30, 320), "ratings.zip": (40, 30, 320),
    "repeat-consumption.csv": (300, 282, 3600),
}  # fmt: skip
HEADLESS = {
    "taobao-UserBehavior.csv": "user=1,item=2,event=4,timestamp=5",
    "yoochoose-clicks.dat": "user=1,item=3,timestamp=2",
    "amazon2014-ratings_Beauty.csv": "user=1,item=2,rating=3,timestamp=4",
    "steam-200k.csv": "user=1,item=2,event=3",
    "lastfm1k.tsv": "user=1,item=5,timestamp=2,title=6",
    "gowalla-totalCheckins.txt": "user=1,item=5,timestamp=2",
    "mind-behaviors.tsv": "user=2,item=5,timestamp=3",
    "headerless-2col.tsv": "user=1,item=2",
    "headerless-3col.tsv": "user=1,item=2,timestamp=3",
}


def sizes(events):
    return len(events.users), len(events.items), len(events.item)


def refused(name, **given):
    with pytest.raises(InputError) as error:
        read_events(CASES / name, **given)
    return str(error.value)


@pytest.mark.parametrize("name", SIZES)
def test_it_reads_without_an_option(name):
    events = read_events(CASES / name)
    assert sizes(events) == SIZES[name]
    assert events.understood.startswith("user = ") and "item = " in events.understood
    years = 1970 + events.time / 3.156e7
    assert years.min() > 2017 and years.max() < 2022


@pytest.mark.parametrize("name", HEADLESS)
def test_without_a_header_it_is_refused_with_a_command_and_reads_with_columns(name):
    text = refused(name)
    first = (CASES / name).read_text("utf-8").split("\n")[0]
    assert "row 1" in text and first[:5] in text
    assert "--columns user=" in text and ",item=" in text
    events = read_events(CASES / name, columns=HEADLESS[name])
    assert sizes(events) == (40, 30, 320)


@pytest.mark.parametrize(
    ("name", "event", "item", "time"),
    [
        ("retailrocket-events.csv", "event", "itemid", "timestamp (milliseconds, UTC)"),
        ("rees46-2019-Oct.csv", "event_type", "product_id", "event_time (UTC)"),
        ("known-time-name.csv", "event_type", "item_id", "event_time (UTC)"),
    ],
)
def test_it_says_what_it_took_for_what(name, event, item, time):
    words = f"item = {item}, event = {event}, time = {time}"
    assert words in read_events(CASES / name).understood


def test_criteo_and_sequences_with_commas_are_never_guessed():
    assert "--columns" in refused("criteo-train.txt")
    assert "put blanks between" in refused("comma-sequences.txt")


def test_users_that_are_mostly_missing_are_said_and_the_session_is_proposed():
    text = refused("diginetica-train-item-views.csv")
    assert "288 rows of 320" in text and "--columns user=sessionId" in text
    events = read_events(CASES / "diginetica-train-item-views.csv", columns="user=sessionId")
    assert sizes(events) == (40, 30, 320)
    assert "time = eventdate" in events.understood
    assert "(each session is a user)" in events.understood


def test_missing_users_are_counted_and_kept_on_demand():
    rule = "rows with a missing user or item id removed"
    assert dict(read_events(CASES / "na-users.csv").report)[rule] == 160
    assert len(read_events(CASES / "na-users.csv", keep_na=True).users) == 25


def test_a_time_column_of_another_name_gives_the_same_events():
    names = "time-named-created_at.csv", "time-named-timestamp.csv"
    one, other = (read_events(CASES / name) for name in names)
    assert np.array_equal(one.item, other.item) and np.array_equal(one.time, other.time)


def test_dates_that_allow_both_orders_are_refused_with_both():
    text = refused("us-dates.csv")
    assert "dates=m/d/y" in text and "dates=d/m/y" in text
    events = read_events(CASES / "us-dates.csv", columns="dates=m/d/y")
    assert sizes(events) == (40, 30, 320)
    assert np.ptp(events.time) < 3 * 86400


@pytest.mark.parametrize("name", ["price-zero.csv", "price-decimal-comma.csv", "rating-words.csv"])
def test_a_column_without_a_number_is_left_out_with_a_word(name):
    events = read_events(CASES / name)
    assert events.numeric == {}
    assert any("usable" in rule and "left out" in rule for rule, _ in events.report)


def test_one_bad_row_is_left_out_and_named():
    rule, count = read_events(CASES / "one-bad-row.csv").report[0]
    assert "row 322" in rule and count == 1
    assert "row 322" in refused("one-bad-row.csv", strict=True)


def test_a_stray_quote_is_named_by_its_row():
    assert "row 101" in refused("stray-quote.csv")


def test_ids_keep_quotes_blanks_and_commas_inside_but_not_around():
    events = read_events(CASES / "space-after-comma.csv")
    assert not any(name != name.strip() for name in events.items)
    events = read_events(CASES / "steam-200k.csv", columns=HEADLESS["steam-200k.csv"])
    assert "The Game, Part 1" in events.items
    events = read_events(CASES / "lastfm1k.tsv", columns="user=1,item=4,timestamp=2")
    assert '"Weird Al" Test' in events.items


@pytest.mark.slow
def test_a_file_sorted_by_item_betrays_no_more_than_a_shuffled_one():
    rates = []
    for name in ("ties-sorted-by-item.csv", "ties-shuffled.csv"):
        model = Recommender(dim=16, hidden=16, epochs=8, threads=1).fit(read_events(CASES / name))
        rates.append(model.evaluate()["hr@10"])
    assert max(rates) < 0.09  # chance: .055 of 600 users
    assert abs(rates[0] - rates[1]) < 0.04


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("titles-chinese.csv", "高达模型第1号 台灯"),
        ("titles-newline.csv", "Thing 1 second line"),
        ("titles-dollar.csv", "Gift card $1_0 or $6^ off {1"),
        ("titles-same.csv", "T-shirt"),
        ("ml25m-movies.csv", "Film 1, The (1961)"),
        ("movies.dat", "Film 1 (1961)"),
        ("u.item", "Amélie 1 (1961)"),
    ],
)
def test_titles_are_read(name, first):
    assert read_titles(CASES / name)["1"] == first


# By the command line, as a user meets it

SMALL = ["--no-fast", "--epochs", "1", "--dim", "8", "--hidden", "8", "--negatives", "8",
         "--threads", "1"]  # fmt: skip


def train(name, *arguments, cwd):
    done = tinyrec("train", CASES / name, *SMALL, "--out", "m.npz", *arguments, cwd=cwd)
    return done.returncode, done.stdout + done.stderr


def test_train_says_what_it_understood_before_the_counts(tmp_path):
    code, printed = train("retailrocket-events.csv", cwd=tmp_path)
    assert code == 0
    understood, counts = printed.split("\n")[:2]
    assert "user = visitorid, item = itemid, event = event, time = timestamp" in understood
    assert counts.startswith("40 users, 30 items")


def test_the_options_of_reading_are_the_command_lines_too(tmp_path):
    assert "\n25 users, " in train("na-users.csv", "--keep-na", cwd=tmp_path)[1]
    code, printed = train("one-bad-row.csv", "--strict", cwd=tmp_path)
    assert code == 2 and "row 322" in printed
    assert train("us-dates.csv", "--columns", "dates=d/m/y", cwd=tmp_path)[0] == 0
    code, printed = train("diginetica-train-item-views.csv", "--force", cwd=tmp_path)
    assert "rows with a missing user or item id removed" in printed


def test_ids_may_begin_with_a_dash_and_histories_hold_blanks(tmp_path):
    assert train("dash-ids.csv", cwd=tmp_path)[0] == 0
    for who in (("--user", "-u1"), ("--history", "-i1,-i2"), ("--user=-u1",)):
        done = tinyrec("recommend", "m.npz", *who, "-k", "3", "--json", "r.json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(json.loads((tmp_path / "r.json").read_text())) == 3
    assert train("space-after-comma.csv", cwd=tmp_path)[0] == 0
    one, other = (
        tinyrec("recommend", "m.npz", "--history", history, cwd=tmp_path).stdout
        for history in ("1,2", "1, 2")
    )
    assert one == other != ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_the_letters_is_no_error(tmp_path, encoding):
    titles = CASES / "titles-chinese.csv"
    done = process("train", CASES / "ml25m-ratings.csv", "--items", titles, *SMALL,
                   cwd=tmp_path, PYTHONIOENCODING=encoding)  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("kind", ["chinese", "dollar", "dollar2", "long", "newline", "same"])
def test_strange_titles_are_drawn_without_a_warning(tmp_path, caplog, kind):
    titles = CASES / f"titles-{kind}.csv"
    assert train("ml25m-ratings.csv", "--items", titles, cwd=tmp_path)[0] == 0
    done = tinyrec("explain", "m.npz", "--user", "1", "--plot", "e.png", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "" and not caplog.records
    assert (tmp_path / "e.png").exists()


@pytest.mark.parametrize("name", ["first-user-one-event.csv", "first-user-two-events.csv"])
def test_the_example_shows_its_users_events(tmp_path, name):
    code, printed = train(name, cwd=tmp_path)
    assert code == 0
    example = printed.split("Recommendations for ")[1]
    shown = example.split("\n")[1:].index("")
    assert shown >= 1


def test_a_split_at_a_time_of_one_day_says_that_all_times_are_equal(tmp_path):
    code, printed = train("one-day.csv", "--split", "time", cwd=tmp_path)
    assert code == 2 and "equal" in printed


def test_two_items_leave_nothing_to_rank(tmp_path):
    code, printed = train("two-items.csv", cwd=tmp_path)
    assert code == 2 or "nothing to rank" in printed


def test_users_of_one_event_leave_nobody_to_test(tmp_path):
    code, printed = train("everyone-one-event.csv", cwd=tmp_path)
    assert code == 2 and "nobody" in printed


def test_targets_seen_before_count_only_where_seen_items_are_kept(tmp_path):
    code, printed = train("repeat-consumption.csv", "--json", "seen.json", cwd=tmp_path)
    assert code == 0 and "seen" in printed
    found = json.loads((tmp_path / "seen.json").read_text())
    assert found["model"]["hr@10"] == 0 == found["baselines"]["markov"]["hr@10"]
    assert train("repeat-consumption.csv", "--keep-seen", "--json", "k.json", cwd=tmp_path)[0] == 0
    kept = json.loads((tmp_path / "k.json").read_text())
    assert kept["model"]["hr@10"] > 0.95
    assert kept["baselines"]["decayed markov"]["hr@10"] > 0.95
