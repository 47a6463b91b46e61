"""Whatever a file holds: Events or InputError, and nothing else.

The same texts at every run; before a release set TINYREC_EXAMPLES=200000, which draws new ones.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyrec import Events, InputError, read_events
from tinyrec.preprocess.read import read_titles

separators = st.sampled_from([",", ";", "\t", "|", "::", " ", ", "])
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
headers = st.sampled_from(
    ["user item timestamp", "userId movieId rating timestamp", "session_id aid ts type",
     "user_id:token item_id:token", "item title", "product date time price user", "a b c", ""]
)  # fmt: skip
fields = st.one_of(
    st.sampled_from(
        ["1", "2", "007", "NA", "nan", "\\N", "", " ", '"', '""', '"a', '"a,b"', "5.0", "1e400",
         "1569888000", "1569888000000", "2019-10-1", "10/2/19", "13.1.2019", "12:30", "buy",
         "N1-0 N2-1", "[1]", "{", '{"user": 1, "item": [2]}', "é", "高达", "\x00", "\x1f", "-i1",
         "9" * 40, "x" * 300, "\ufeff", "\u3000"]
    ),
    st.text(max_size=6),
)  # fmt: skip


@st.composite
def texts(draw):
    """A table of few rows, with now and then a row or a character out of place."""
    separator, end = draw(separators), draw(ends)
    width = draw(st.integers(1, 5))
    row = st.lists(fields, min_size=width, max_size=width)
    rows = [draw(headers).split(), *draw(st.lists(row, max_size=6))]
    if draw(st.booleans()):
        rows.append(draw(st.lists(fields, max_size=6)))
    text = end.join(separator.join(row) for row in rows)
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(["", '"', end, separator])) + text[at:]


columns = st.sampled_from(
    [None, "user=1,item=2", "user=user,item=2,timestamp=3", "user=2,item=1,dates=m/d/y",
     "user=1,item=2,timestamp=3+4,title=5", "item=item,timestamp="]
)  # fmt: skip


@given(text=texts(), columns=columns, force=st.booleans(), keep_na=st.booleans())
def test_any_text_gives_events_or_an_input_error_of_one_line(
    tmp_path_factory, text, columns, force, keep_na
):
    path = tmp_path_factory.getbasetemp() / "log"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        events = read_events(path, columns=columns, force=force, keep_na=keep_na)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(events, Events)
        assert len(events.user) == len(events.item) > 0
        assert set(events.users) <= {user.strip() for user in events.users} - {""}
    try:
        read_titles(path)
    except InputError as error:
        assert "\n" not in str(error)


cells = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=4))


@pytest.mark.filterwarnings("error")
@given(
    columns=st.dictionaries(
        st.sampled_from(["user", "item", "timestamp", "event", "rating", "title"]),
        st.lists(cells, max_size=4),
    )
)
def test_any_table_gives_events_or_an_input_error(columns):
    try:
        assert isinstance(read_events(columns), Events)
    except InputError as error:
        assert "\n" not in str(error)
