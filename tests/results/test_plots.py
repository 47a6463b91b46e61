"""Labels of pictures: whatever a title holds, one can read it."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from tinyrec.preprocess.catalogue import Catalogue
from tinyrec.results import plots
from tinyrec.results.plots import plain_label


@pytest.fixture
def latin_only(monkeypatch):
    """As on a computer that has Matplotlib's own font and no other."""
    monkeypatch.setattr(plots, "CHINESE", ())
    plots.fonts.cache_clear()
    yield
    plots.fonts.cache_clear()


def test_what_can_be_drawn_stays_as_it_is(latin_only):
    for text in ("Amélie (2001)", "Übung 3/4", "Война и мир", "a, b & c"):
        assert plain_label(text) == text


def test_what_no_font_here_has_is_written_plainly_or_left_to_the_id(latin_only):
    assert plain_label("🎮 Game 7") == "Game 7"
    assert plain_label("Ｐｈｏｎｅ") == "Phone"
    assert plain_label("高达模型第1号 台灯", other="P0001") == "P0001"


def test_a_long_label_keeps_its_beginning_and_its_end():
    label = plain_label("The beginning " + "x" * 300 + " no. 17")
    assert len(label) == 40
    assert label.startswith("The beginning") and label.endswith(" no. 17")


def test_lines_become_one():
    assert plain_label("Thing 1\nsecond\tline") == "Thing 1 second line"


def test_a_dollar_is_one_however_often_a_label_is_made_plain():
    from matplotlib.cbook import is_math_text

    label = plain_label(plain_label("Gift card $1_0 or $6^ off {1"))
    assert label == r"Gift card \$1_0 or \$6^ off {1"
    assert not is_math_text(label)


def test_an_explanation_with_strange_and_equal_titles_is_drawn_without_a_warning(
    latin_only, tmp_path
):
    titles = ["高达模型第1号", "$1_0 or $6^ {", "T-shirt", "T-shirt", "x" * 500]
    numbers = np.arange(5)
    catalogue = Catalogue(numbers.astype(str), numbers.astype(str), ("event",),
                          dict(zip("01234", titles, strict=True)))  # fmt: skip
    found = SimpleNamespace(history=numbers, items=numbers, weights=np.full(5, 0.2),
                            long=np.ones(5), short=np.ones(5), recent=np.ones(5),
                            base=np.ones(5))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.explanation(found, catalogue, tmp_path / "e.png")
    assert (tmp_path / "e.png").stat().st_size > 10_000
