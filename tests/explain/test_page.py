"""The page to step through: its numbers are the model's, and a browser shows them."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tinyrec import InputError, Recommender
from tinyrec.__main__ import main
from tinyrec.explain import events, page
from tinyrec.preprocess.events import clean

from . import browser
from .conftest import SMALL, TITLE, chains

ARRAYS = {"x", "i", "f", "g", "o", "c", "h", "w", "long", "u"}


@pytest.fixture(scope="module")
def file(fitted, history, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    page.write(fitted, path, history=history, k=10)
    return path


def trace_of(path):
    text = path.read_text("utf-8")
    (found,) = re.findall(r'<script type="application/json" id="trace">(.*?)</script>', text, re.S)
    found = json.loads(found)
    for step in found["steps"]:  # as the page does
        step |= {name: [n / 1000 for n in values] for name, values in step["more"].items()}
    return found


def test_the_trace_holds_what_the_contract_names(file, history):
    found = trace_of(file)
    assert found["history"] == history
    assert len(found["steps"]) == len(history)
    for t, step in enumerate(found["steps"]):
        assert set(step) >= ARRAYS | {"top"}
        assert len(step["w"]) == t + 1
        assert all(set(row) == {"item", "logit", "probability"} for row in step["top"])


def test_each_step_lists_what_is_recommended_after_it(file, fitted, history):
    for t, step in enumerate(trace_of(file)["steps"]):
        items, chances = fitted.recommend(history=history[: t + 1], k=10)
        assert [row["item"] for row in step["top"]] == list(items)
        assert [row["probability"] for row in step["top"]] == pytest.approx(chances, abs=1e-6)


def test_the_numbers_of_a_step_fulfil_the_equations(fitted, tmp_path):
    page.write(fitted, tmp_path / "page.html", user="u3")
    found, p = trace_of(tmp_path / "page.html"), fitted.params
    before = {"c": np.zeros(8), "h": np.zeros(8)}
    for t, step in enumerate(found["steps"]):
        s = {name: np.array(step[name]) for name in ARRAYS}
        item, kind = fitted.catalogue.item_number[found["history"][t]], found["kinds"][t]
        close = {"abs": 2e-3}
        assert step["e"] == pytest.approx(p["E"][item], **close)
        known = p["E"][item] + np.array(found["A"][kind]) + step["nF"]
        assert s["x"] == pytest.approx(known, **close) and any(step["nF"])
        for gate, z in zip("ifgo", np.split(np.array(step["z"]), 4), strict=True):
            squashed = np.tanh(z) if gate == "g" else 1 / (1 + np.exp(-z))
            assert s[gate] == pytest.approx(squashed, **close)
        assert s["c"] == pytest.approx(s["f"] * before["c"] + s["i"] * s["g"], **close)
        assert s["h"] == pytest.approx(s["o"] * np.tanh(s["c"]), **close)
        states = np.array([earlier["h"] for earlier in found["steps"][: t + 1]])
        keys = np.array([earlier["k"] for earlier in found["steps"][: t + 1]])
        scores = np.exp(keys @ step["q"] / np.sqrt(8))
        assert s["w"] == pytest.approx(scores / scores.sum(), abs=5e-3)
        assert s["long"] == pytest.approx(s["w"] @ states, **close)
        both = np.array(step["from_long"]) + step["from_h"] + found["bu"]
        assert s["u"] == pytest.approx(both + step["r"], **close)
        earlier = np.array(found["steps"][t - 1]["r"]) if t else 0
        assert step["r"] == pytest.approx(s["x"] + np.array(found["fade"]) * earlier, **close)
        for row in step["top"]:
            number = fitted.catalogue.item_number[row["item"]]
            z = s["u"] @ p["E"][number] + p["bias"][number]
            assert row["logit"] == pytest.approx(z, abs=5e-3)
            odds = found["about"]["a"] * row["logit"] + found["about"]["d"]
            assert row["probability"] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-4)
        before = s


def test_a_list_without_an_event_is_what_the_model_says_without_it(file, fitted, history):
    found = trace_of(file)
    past = fitted.past(history=history)
    for at, rows in enumerate(found["without"]):
        z = events.logits(fitted, past, np.arange(6)[None] != at)[0]
        z[past.items] = -np.inf
        best = fitted.catalogue.items[np.argsort(-z, kind="stable")[:10]]
        assert [row["item"] for row in rows] == list(best)


def test_where_all_was_seen_it_can_be_explained_again(tmp_path, capsys):
    rows = {"user": [f"u{n // 6}" for n in range(60)], "item": ["a", "b", "b"] * 20}
    path = str(tmp_path / "m.npz")
    Recommender(**SMALL | {"epochs": 1}).fit(clean(rows)).save(path)
    asked = ["explain", path, "--user", "u3", "--html", str(tmp_path / "page.html")]
    assert main(asked) == 2
    assert "(--keep-seen) recommends them again" in capsys.readouterr().err
    assert main([*asked, "--keep-seen"]) == 0
    assert capsys.readouterr().out.count("because of") == 2
    assert trace_of(tmp_path / "page.html")["steps"][-1]["top"] == []


def test_a_page_is_one_file_that_asks_for_nothing(file):
    text = file.read_text("utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)|@import|url\(|fetch\(|import\(', text)
    assert text.count("</script>") == 2
    assert TITLE not in text
    assert trace_of(file)["items"]["i05"]["title"] == TITLE


@pytest.mark.parametrize("share", [0.9, 0.75, 0.6])
def test_a_page_with_too_many_numbers_begins_later_and_says_so(
    fitted, tmp_path, monkeypatch, share
):
    past = [f"i{number:02}" for number in range(14)]
    page.write(fitted, tmp_path / "whole.html", history=past)
    whole = trace_of(tmp_path / "whole.html")
    assert (whole["about"]["events"], len(whole["history"]), whole["first"]) == (14, 10, 0)
    empty = len(page.TEMPLATE.read_bytes())
    size = (tmp_path / "whole.html").stat().st_size - empty
    monkeypatch.setattr(page, "MOST", int(share * size))
    page.write(fitted, tmp_path / "part.html", history=past)
    part = trace_of(tmp_path / "part.html")
    assert 0 < part["first"] < 9
    assert part["steps"] == whole["steps"][part["first"] :]
    assert (tmp_path / "part.html").stat().st_size - empty <= page.MOST
    assert len(part["steps"]) == 10 - part["first"]


def test_every_equation_has_its_line_of_code():
    assert {int(number) for number in page.lines()} >= set(range(14))


def test_a_damaged_model_has_no_page(fitted):
    broken = events.copy_with(fitted, fitted.params | {"Wu": np.nan * fitted.params["Wu"]})
    with pytest.raises(InputError, match="no numbers"):
        page.html(broken, broken.past(history=["i03", "i04"]))
    with pytest.raises(InputError, match="no numbers"):
        events.of_past(broken, broken.past(history=["i03", "i04"]), 7, "gradients")


def test_what_is_known_of_an_item_and_its_own_vector_stand_apart(tmp_path):
    vectors = dict(zip([f"i{n:02}" for n in range(30)], np.eye(30), strict=True))
    model = Recommender(**SMALL | {"epochs": 1}).fit(chains(), content=vectors)
    page.write(model, tmp_path / "page.html", user="u3")
    for step in trace_of(tmp_path / "page.html")["steps"]:
        assert any(step["CP"]) and any(step["E"])
        assert np.add(step["CP"], step["E"]) == pytest.approx(np.array(step["e"]), abs=2e-3)


def test_layers_of_ones_own_have_no_page(fitted, tmp_path):
    own = events.copy_with(fitted, fitted.params)
    own.layers = object()
    with pytest.raises(InputError, match="own layers"):
        page.write(own, tmp_path / "page.html", history=["i03"])


# In a browser


@pytest.fixture(scope="module")
def window():
    if browser.program() is None:
        pytest.skip("there is no Chromium here")
    opened = browser.Browser()
    yield opened
    opened.close()


SHOWN = """[...document.querySelectorAll("[data-p]")].map(
    found => [found.dataset.p, found.dataset.d, found.textContent])"""


def check_numbers(window, found):
    """Every number shown is that of the trace to the digits shown; returns how many there are."""
    shown = window.run(SHOWN)
    for place, digits, text in shown:
        value = found
        for key in place.split("."):
            value = value[int(key) if isinstance(value, list) else key]
        number = float(text.replace("−", "-").removesuffix(" %"))
        if digits == "%":
            assert number == pytest.approx(100 * value, abs=0.00501), place
        else:
            assert number == pytest.approx(value, abs=0.501 * 10 ** -int(digits)), place
    return len(shown)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_a_reader_steps_through_by_keyboard(window, file, width, dark):
    found = trace_of(file)
    window.open(file, width, dark=dark)
    assert window.run("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    for t in reversed(range(len(found["history"]))):
        assert f"Event {t + 1} of 6" in window.run("document.getElementById('now').textContent")
        assert check_numbers(window, found) > 40
        window.press("ArrowLeft")
    window.press("End")
    assert "Event 6 of 6" in window.run("document.getElementById('now').textContent")
    assert window.run("document.documentElement.scrollWidth") <= width
    assert window.problems == []


def test_every_equation_has_numbers_and_its_signs_stand_where_they_should(window, file):
    window.open(file, 1280)
    window.press("ArrowLeft")
    counts = window.run("""[...document.querySelectorAll(".equation")].map(
        found => found.querySelectorAll(".value .n").length)""")
    assert len(counts) == 14 and min(counts) > 0
    lowered = window.run("""[...document.querySelectorAll("#list msub")].map(found =>
        found.children[1].getBoundingClientRect().bottom
        - found.children[0].getBoundingClientRect().bottom)""")
    assert min(lowered) > 1


def test_ids_that_mean_something_to_javascript_are_ids(window, tmp_path):
    names = dict(enumerate(["constructor", "__proto__", "toString", "{{trace}}", "$&", "a.b"]))
    log = chains()
    ids = np.array([names.get(n, raw) for n, raw in enumerate(log.items)], object)
    model = Recommender(**SMALL | {"epochs": 1}).fit(replace(log, items=ids))
    page.write(model, tmp_path / "page.html", history=[*names.values(), "i07", "i08"])
    window.open(tmp_path / "page.html", 390)
    for _ in range(8):
        for place in range(10):
            window.run(f"document.querySelectorAll('#top button')[{place}].click()")
        window.press("ArrowLeft")
    assert "constructor" in window.run("document.getElementById('now').textContent")
    assert window.problems == []


def test_the_list_changes_when_an_event_is_left_out(window, file):
    found = trace_of(file)
    window.open(file, 1280)
    window.run("""(choice => { choice.value = 5; choice.dispatchEvent(new Event("change")); })(
        document.getElementById("out"))""")
    titles = window.run(
        """[...document.querySelectorAll("#changed .title")].map(row => row.textContent.trim())"""
    )
    best = found["items"][found["without"][5][0]["item"]]["title"]
    assert titles[0].startswith(best)
    assert check_numbers(window, found) > 50


def test_the_page_speaks_chinese_and_explains_its_symbols(window, file):
    window.open(file, 390)
    window.run("document.getElementById('language').click()")
    assert window.run("document.documentElement.lang") == "zh"
    assert "遗忘门" in window.run("document.body.textContent")
    window.run("document.querySelector('math [data-s=W]').dispatchEvent("
               "new MouseEvent('mouseover', {bubbles: true}))")  # fmt: skip
    assert "(D, 4H)" in window.run("document.getElementById('tip').textContent")
    assert "model/lstm.py" in window.run("document.getElementById('tip').textContent")


def test_a_screen_reader_finds_a_name_on_everything_that_is_used(window, file):
    window.open(file, 1280)
    unnamed = window.run("""[...document.querySelectorAll("button, input, select, svg, math")]
        .filter(found => !(found.getAttribute("aria-label") || found.textContent.trim() ||
                           found.labels?.length)).map(found => found.outerHTML)""")
    assert unnamed == []
