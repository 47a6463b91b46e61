"""The sentence that goes with a recommendation says what is so."""

from collections import Counter

import numpy as np
import pytest

from tinyrec import explain
from tinyrec.explain import events, sentence
from tinyrec.results import report


@pytest.fixture
def titled(fitted):
    """The chain's model, whose items have the colour red or blue in turn, and a year."""
    other = events.copy_with(fitted, fitted.params)
    titles = {f"i{n:02}": f"{('Red', 'Blue')[n % 2]} hat ({1980 + n})" for n in range(30)}
    other.catalogue = fitted.catalogue.__class__(
        fitted.catalogue.users, fitted.catalogue.items, fitted.catalogue.kinds, titles,
        fitted.catalogue.scales,
    )  # fmt: skip
    return other


def test_the_events_named_are_those_that_add_most_and_add_at_all(titled, history):
    for one in explain.because(titled, history=history, k=5):
        raw = titled.catalogue.items[one.item]
        adds = explain.contributions(titled, raw, history=history)
        wanted = [history[at] for at in np.argsort(-adds)[:2] if adds[at] > 0]
        assert titled.catalogue.items[one.causes].tolist() == wanted


def test_a_word_is_often_taken_where_counts_say_so(titled):
    past = ["i01", "i03", "i05", "i07", "i09", "i11", "i13"]  # all of them blue
    found = explain.because(titled, history=past, k=20)
    blue = [one for one in found if one.word == "blue"]
    assert not blue  # half of the others' are blue too: not twice as often
    decades = Counter(one.word for one in found)
    assert decades["1980s"] and {one.times for one in found if one.word == "1980s"} == {5}
    for one in found:
        assert one.word in (None, *sentence.words(titled, one.item))


def test_a_sentence_names_titles_and_counts(titled, history):
    text = report.because(explain.because(titled, history=history, k=1), titled.catalogue)
    assert text.startswith("Blue hat (1987): because of ")
    assert "Red hat (1986)" in text


def test_genres_are_words_too_whole_ones_and_bare_numbers_are_none(titled):
    catalogue = titled.catalogue
    catalogue.texts["i03"] = "Blue hat (1983) Sci-Fi Children's price 600"
    catalogue.titles.pop("i04")
    of = [sentence.words(titled, catalogue.item_number[name]) for name in ("i03", "i04", "i05")]
    assert of[0] == ["1980s", "blue", "children's", "hat", "price", "sci-fi"]
    assert of[1:] == [[], ["1980s", "blue", "hat"]]


def test_a_title_is_named_once_and_a_new_item_is_not_said_to_be_liked(titled):
    catalogue = titled.catalogue
    catalogue.titles["i03"] = catalogue.titles["i01"]
    item, *causes = catalogue.numbers(["i05", "i01", "i03"])
    found = sentence.Because(item, causes, None, 0, 9, 0.0)
    assert report.because([found], catalogue) == "Blue hat (1985): because of Blue hat (1981)"
    alone = found._replace(causes=[])
    assert report.because([alone], catalogue) == "Blue hat (1985): it is liked by everyone"
    grown = catalogue.with_items(["new"])
    new = report.because([alone._replace(item=grown.item_number["new"])], grown)
    assert new == "new: it is new, and like what is liked by everyone"


def test_one_event_is_the_cause(titled):
    (one,) = explain.because(titled, history=["i06"], k=1)
    assert titled.catalogue.items[one.causes].tolist() == ["i06"] and one.word is None
