"""The commands of this room: exit codes, one line for what is wrong."""

import socket

import numpy as np
import pytest

from tests.test_cli import tinyrec
from tinyrec import Recommender
from tinyrec.__main__ import main
from tinyrec.datasets import shop
from tinyrec.datasets.mess import write
from tinyrec.lab import live
from tinyrec.preprocess.events import clean


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    rng = np.random.default_rng(0)
    rows = {
        "user": np.repeat([f"u{user}" for user in range(30)], 10).tolist(),
        "item": rng.choice([f"i{item}" for item in range(40)], 300).tolist(),
    }
    model = Recommender(dim=8, hidden=8, negatives=4, epochs=1, layers="readable")
    model.fit(clean(rows)).save(folder / "m.npz")
    return folder


def test_compress_shows_each_way_and_saves_the_one_asked_for(folder):
    shown = tinyrec("compress", "m.npz", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    for way in ("as it is", "int8", "float16", "low-rank", "fewer-units"):
        assert sum(line.startswith(way) for line in shown.stdout.splitlines()) == 1
    done = tinyrec("compress", "m.npz", "--how", "int8", "--out", "small.npz", cwd=folder)
    assert "saved small.npz" in done.stdout
    asked = tinyrec("recommend", "small.npz", "--user", "u1", "-k", "3", cwd=folder)
    assert asked.returncode == 0 and len(asked.stdout.splitlines()) == 3


def test_study_shows_each_tasks_losses_and_measures(tmp_path, capsys):
    write(tmp_path, shop.generate(customers=60, products=24, steps=6))
    assert main(["study", str(tmp_path / "shop.csv"), "--tasks", "--epochs", "1"]) == 0
    shown = capsys.readouterr().out
    for words in ("bought   loss ", "rating   loss ", "bought auc of z ", "rating rmse of items'"):
        assert shown.count(words) == 1
    (tmp_path / "text").write_text("\n".join(["1 2 3 4 5"] * 9))
    assert main(["study", str(tmp_path / "text"), "--tasks", "--epochs", "1"]) == 2
    assert "neither purchases nor ratings" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, words", [
    (["compress", "m.npz", "--how", "zip"], "int8"),
    (["compress", "m.npz", "--how", "int8", "--out", "m.npz"], "read already"),
    (["serve", "missing.npz"], "no such file"),
    (["serve", "m.npz", "--log", "m.npz"], "read already"),
    (["serve", "m.npz", "--log", "nowhere/events"], "cannot be written there"),
    (["serve", "m.npz", "--port", "99999"], "port is 99999"),
])  # fmt: skip
def test_a_wrong_request_ends_with_exit_code_2_and_one_line(folder, arguments, words):
    done = tinyrec(*arguments, cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_said(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = tinyrec("serve", "m.npz", "--port", taken.getsockname()[1], cwd=folder)
    assert done.returncode == 2
    assert "give another --port" in done.stderr


def test_a_log_that_is_no_database_is_said(folder):
    (folder / "text").write_text("not a database, but long enough to look like one\n" * 40)
    done = tinyrec("serve", "m.npz", "--log", "text", cwd=folder)
    assert done.returncode == 2
    assert "text: no event log" in done.stderr


@pytest.mark.slow
def test_a_server_under_load_answers_everybody():
    milliseconds, refused = live.load(users=100, seconds=3, every=1)
    assert len(milliseconds) >= 200 and refused == 0


def test_a_session_is_measured_event_by_event_of_a_model_that_a_server_can_load(tmp_path):
    milliseconds, session = live.latency(items=50, dim=4, hidden=4, events=20)
    assert milliseconds.shape == (20, 2) and len(session.items) == 20
    session.rec.save(tmp_path / "m.npz")
    assert len(Recommender.load(tmp_path / "m.npz").catalogue.items) == 50
