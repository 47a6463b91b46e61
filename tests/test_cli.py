"""The command line as its user meets it: real files, exit codes and one line.

In this process, as another one costs a second of imports, but for what only another can show.
"""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinyrec import store
from tinyrec.__main__ import main

SMALL = ["--no-fast", "--dim", "8", "--hidden", "8", "--negatives", "8", "--epochs", "2"]


def tinyrec(*arguments, cwd):
    """A command in this process: its exit code, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with (contextlib.chdir(cwd), contextlib.redirect_stdout(out),
          contextlib.redirect_stderr(err)):  # fmt: skip
        code = main([str(argument) for argument in arguments])
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def process(*arguments, cwd, **environment):
    """A command in a process of its own: the same of it."""
    command = [sys.executable, "-m", "tinyrec", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a log, and a model trained on it by the command line."""
    folder = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    lines = [" ".join(f"{(start + step) % 30:02}" for step in range(9))
             for start in rng.integers(0, 30, 80)]  # fmt: skip
    (folder / "log.txt").write_text("\n".join(lines) + "\n")
    (folder / "items.csv").write_text(
        "item,title\n" + "".join(f"{i:02},Thing number {i}\n" for i in range(30))
    )
    done = process("train", "log.txt", "--items", "items.csv", "--out", "m.npz", *SMALL,
                   "--json", "train.json", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "train.out").write_text(done.stdout)
    return folder


def test_train_prints_a_line_an_epoch_a_table_and_titled_recommendations(folder):
    printed = (folder / "train.out").read_text()
    assert printed.count("validation NDCG@10") == 2
    for row in ("tinyrec", "popularity", "markov", "decayed markov", "matrix factorisation"):
        assert f"\n{row} " in printed
    assert "each user's last event held out; all 30 items ranked, seen ones excluded" in printed
    assert "10. p = " in printed
    assert "Thing number" in printed


def test_train_leaves_a_model_and_a_picture_and_no_checkpoint(folder):
    assert (folder / "m.npz").exists()
    assert (folder / "m.npz.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "m.npz.checkpoint.npz").exists()


def test_the_json_of_train_holds_the_contracts_keys_and_the_printed_figures(folder):
    found = json.loads((folder / "train.json").read_text())
    assert set(found) == {"model", "baselines", "users", "items", "events", "seconds"}
    assert (found["users"], found["items"], found["events"]) == (80, 30, 720)
    assert f"{found['model']['ndcg@10']:.4f}" in (folder / "train.out").read_text()
    assert set(found["baselines"]["markov"]) == set(found["model"])


def test_evaluate_repeats_what_train_measured(folder):
    done = tinyrec("evaluate", "m.npz", "log.txt", "--json", "e.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    trained = json.loads((folder / "train.json").read_text())
    evaluated = json.loads((folder / "e.json").read_text())
    assert evaluated["model"] == trained["model"]
    assert evaluated["baselines"] == trained["baselines"]


def test_evaluate_takes_another_log(folder):
    (folder / "other.txt").write_text("00 01 02 03\n05 06 07\n")
    done = tinyrec("evaluate", "m.npz", "other.txt", "--json", "o.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2 users" in done.stdout
    assert 0 <= json.loads((folder / "o.json").read_text())["model"]["ndcg@10"] <= 1


def test_recommend_prints_k_titled_items_for_a_user_and_for_a_history(folder):
    for who in (["--user", "7"], ["--history", "03,04"]):
        done = tinyrec("recommend", "m.npz", *who, "-k", "4", "--json", "r.json", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 4
        items = [row["item"] for row in json.loads((folder / "r.json").read_text())]
        assert all(item in done.stdout for item in items)
        assert "Thing number" in done.stdout


def test_recommend_all_writes_every_users_items_to_a_csv(folder):
    done = tinyrec("recommend", "m.npz", "--all", "--to", "all.csv", "-k", "3", cwd=folder)
    assert done.returncode == 0, done.stderr
    with open(folder / "all.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tinyrec("recommend", "m.npz", "--user", "7", "-k", "3", "--json", "r.json", cwd=folder)
    alone = json.loads((folder / "r.json").read_text())
    ours = [row for row in rows if row["user"] == "7"]
    assert [row["rank"] for row in ours] == ["1", "2", "3"]
    assert [row["item"] for row in ours] == [row["item"] for row in alone]
    for row, other in zip(ours, alone, strict=True):
        assert float(row["probability"]) == pytest.approx(other["probability"], rel=1e-3)


@pytest.mark.parametrize("request_", [["--all"], ["--user", "7", "--to", "all.csv"]])
def test_recommend_all_and_the_file_it_writes_to_belong_together(folder, request_):
    done = tinyrec("recommend", "m.npz", *request_, cwd=folder)
    assert done.returncode == 2
    assert "--to" in done.stderr


def test_explain_says_what_each_event_adds_and_draws_the_whole_history(folder):
    done = tinyrec("explain", "m.npz", "--user", "7", "--item", "03", "-k", "4",
                   "--plot", "strip.svg", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the other 5 events, each" in done.stdout
    drawn = (folder / "strip.svg").read_text()
    assert "All 9 events, oldest first" in drawn
    assert len(set(re.findall(r"<!-- (\d+) Thing number", drawn))) == 9


def test_a_picture_of_the_last_events_says_where_the_others_went(folder):
    past = ",".join(f"{item:02}" for item in range(20))
    done = tinyrec("explain", "m.npz", "--history", past, "--plot", "why.svg", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the 5 events before" in (folder / "why.svg").read_text()


def test_explain_writes_a_page_to_step_through(folder):
    done = tinyrec("explain", "m.npz", "--user", "7", "--html", "page.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert 'id="trace">{"history":' in (folder / "page.html").read_text("utf-8")


@pytest.mark.slow
def test_study_puts_explanations_to_the_test(folder):
    done = tinyrec("study", "log.txt", "--explain", "--epochs", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    for what in ("occlusion", "random", "order of events", "logistic regression", "popularity"):
        assert re.search(rf"^ *{what}|  {what}$", done.stdout, flags=re.M), what


def test_explain_prints_parts_that_add_up_and_draws_them(folder):
    done = tinyrec("explain", "m.npz", "--user", "7", "--plot", "why.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    z, _, *parts = done.stdout.splitlines()[1].split()[:6]
    assert float(z) == pytest.approx(sum(map(float, parts)), abs=0.02)
    assert (folder / "why.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_train_says_that_it_compiles_and_how_long_that_took(folder):
    done = process("train", "log.txt", "--out", "f.npz", *SMALL[1:], cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "compiling the inner loops" in done.stdout
    assert "compiled, with the first step, in" in done.stdout


@pytest.mark.slow
def test_bench_prints_every_part_and_draws_it(folder):
    small = ["--dim", "8", "--hidden", "8", "--negatives", "8", "--max-len", "12"]
    done = tinyrec("bench", *small, "--plot", "bench.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    for part in ("lstm forward", "lstm backward", "attention backward", "adam step", "compiled"):
        assert f"\n{part} " in done.stdout
    assert "of a product" in done.stdout
    assert (folder / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_gradcheck_prints_a_line_a_parameter_and_all_are_ok(folder):
    done = tinyrec("gradcheck", cwd=folder)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) > 40
    assert all(line.endswith("ok") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "missing.txt"], "missing.txt: No such file"),
        (["train", "."], "a directory"),
        (["train", ""], "events: is empty"),
        (["train", "log.txt", "--items", ""], "items: is empty"),
        (["study", ""], "events: is empty"),
        (["evaluate", "m.npz", ""], "events: is empty"),
        (["recommend", "", "--user", "7"], "model: is empty"),
        (["train", "log.txt", "--epochs", "0"], "epochs"),
        (["train", "log.txt", "--epochs", "many"], "--epochs"),
        (["train", "log.txt", "--lr", "-1"], "lr"),
        (["train", "log.txt", "--lr", "1e30"], "smaller learning rate"),
        (["train", "log.txt", "--split", "time"], "no times"),
        (["train", "log.txt", "--split", "sideways"], "split"),
        (["train", "log.txt", "--threads", "0"], "threads"),
        (["train", "log.txt", "--out", "nowhere/m.npz"], "nowhere/m.npz"),
        (["train", "log.txt", "--json", "nowhere/j.json"], "nowhere/j.json"),
        (["train", "log.txt", "--items", "log.txt"], "item"),
        (["train", "log.txt", "--content", "tfidf"], "--items"),
        (["train", "log.txt", "--content", "log.npz"], "log.npz: no such file"),
        (["recommend", "m.npz"], "--user"),
        (["recommend", "m.npz", "--user", "999"], "999"),
        (["recommend", "m.npz", "--history", "yy,xx"], "xx"),
        (["recommend", "m.npz", "--user", "7", "-k", "0"], "k is 0"),
        (["recommend", "log.txt", "--user", "7"], "not a file that tinyrec wrote"),
        (["evaluate", "missing.npz"], "no such file"),
        (["explain", "m.npz", "--user", "7", "--plot", "nowhere/x.png"], "nowhere/x.png"),
        (["explain", "m.npz", "--user", "7", "--plot", "x.docx"], "x.docx"),
        (["explain", "m.npz", "--user", "7", "--html", "no/x.html"], "no/x.html"),
        (["explain", "m.npz", "--user", "7", "--item", "99"], "99"),
        (["sing"], "sing"),
        ([], "COMMAND"),
    ],
)
def test_a_wrong_request_ends_with_exit_code_2_and_one_line(folder, arguments, words):
    arguments = arguments + SMALL[:7] if arguments[:1] == ["train"] else arguments
    done = tinyrec(*arguments, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert words in done.stderr


@pytest.mark.parametrize("user", ["7", "999"])
def test_a_process_prints_the_same_and_ends_with_the_same_code(folder, user):
    arguments = "recommend", "m.npz", "--user", user
    here, there = (run(*arguments, cwd=folder) for run in (tinyrec, process))
    assert (there.returncode, there.stdout, there.stderr) == tuple(vars(here).values())


def test_files_beside_the_model_are_named_after_its_whole_name(folder):
    for out in ("a.seed1", "a.seed2", "pic.png"):
        done = tinyrec("train", "log.txt", "--out", out, *SMALL, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert (folder / "a.seed1.png").exists() and (folder / "a.seed2.png").exists()
    assert tinyrec("recommend", "pic.png", "--user", "7", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "file"),
    [(["train", "t.txt", "--out", "t.txt"], "t.txt"),
     (["train", "t.txt", "--json", "t.txt"], "t.txt"),
     (["train", "log.txt", "--items", "i.csv", "--out", "i.csv"], "i.csv"),
     (["train", "log.txt", "--out", "x.npz", "--json", "x.npz"], "x.npz"),
     (["evaluate", "m.npz", "--json", "m.npz"], "m.npz"),
     (["evaluate", "m.npz", "t.txt", "--json", "t.txt"], "t.txt"),
     (["recommend", "m.npz", "--user", "7", "--json", "m.npz"], "m.npz")],
)  # fmt: skip
def test_no_output_takes_the_place_of_an_input_or_of_another_output(folder, arguments, file):
    (folder / "t.txt").write_text((folder / "log.txt").read_text())
    (folder / "i.csv").write_text((folder / "items.csv").read_text())
    path = folder / file
    before = path.read_bytes() if path.exists() else None
    done = tinyrec(*arguments, *(SMALL if arguments[0] == "train" else []), cwd=folder)
    assert done.returncode == 2
    assert f"{file}: is " in done.stderr
    assert (path.read_bytes() if path.exists() else None) == before


def test_two_runs_into_one_place_do_not_mix(folder):
    with store.held(folder / "two.npz"):
        done = tinyrec("train", "log.txt", "--out", "two.npz", *SMALL, cwd=folder)
    assert done.returncode == 2
    assert "two.npz: another run" in done.stderr
    assert tinyrec("train", "log.txt", "--out", "two.npz", *SMALL, cwd=folder).returncode == 0


def test_on_a_log_of_repeats_the_table_says_so_and_keep_seen_ranks_them(folder):
    lines = [" ".join(f"{(user + step % 3) % 20:02}" for step in range(9)) for user in range(60)]
    (folder / "again.txt").write_text("\n".join(lines))
    done = tinyrec("train", "again.txt", "--out", "g.npz", *SMALL, "--json", "g.json", cwd=folder)
    assert "60 of the 60 targets were seen before: they count as missed" in done.stdout
    assert "--keep-seen" in done.stdout
    rows = json.loads((folder / "g.json").read_text())
    assert rows["model"]["hr@10"] == rows["baselines"]["markov"]["hr@10"] == 0
    kept = tinyrec("evaluate", "g.npz", "--keep-seen", "--json", "k.json", cwd=folder)
    assert "seen ones kept" in kept.stdout
    rows = json.loads((folder / "k.json").read_text())
    assert rows["baselines"]["markov"]["hr@10"] > 0.9


def test_where_there_is_nothing_to_rank_the_table_says_so(folder):
    (folder / "few.txt").write_text("\n".join(["1 2 1 2 1 2 1", "2 1 2 1 2 1 2"] * 20))
    done = tinyrec("train", "few.txt", "--out", "few.npz", *SMALL, "--keep-seen", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "nothing to rank" in done.stdout
    assert "1.0000" not in done.stdout


def test_a_backend_that_matplotlib_cannot_load_does_not_end_a_training(folder):
    for backend in ("module://matplotlib_inline.backend_inline", "no such backend"):
        done = process("train", "log.txt", "--out", "b.npz", *SMALL, cwd=folder,
                       MPLBACKEND=backend)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (folder / "b.npz.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_draws_whether_chances_mean_what_they_say(folder):
    done = tinyrec("evaluate", "m.npz", "--plot", "chances.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "taken / shown" in done.stdout
    assert (folder / "chances.png").read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_training_keeps_its_checkpoint_and_goes_on(folder):
    arguments = ["train", "log.txt", "--out", "i.npz", *SMALL[:7], "--epochs", "300"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tinyrec", *arguments], cwd=folder, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=4096,
    )  # fmt: skip
    # its output fits no more than some epochs, after which it waits to be read
    while "epoch   3/300" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said
    assert (folder / "i.npz.checkpoint.npz").exists()

    done = tinyrec(*arguments, "--resume", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "epoch   1/300" not in done.stdout
    epochs = [int(n) for n in re.findall(r"^epoch +(\d+)/300", done.stdout, re.M)]
    assert epochs == list(range(epochs[0], epochs[-1] + 1)) and epochs[-1] > 5
    assert "saved i.npz" in done.stdout


def test_the_table_says_that_the_time_of_asking_is_known_unless_it_is_not(folder):
    rows = [f"{user},{(user + step) % 9},{1_700_000_000 + 50 * step * step + user}"
            for user in range(30) for step in range(6)]  # fmt: skip
    (folder / "timed.csv").write_text("user,item,timestamp\n" + "\n".join(rows) + "\n")
    told, untold = (tinyrec("train", "timed.csv", "--out", "timed.npz", *SMALL, *more, cwd=folder)
                    for more in ([], ["--no-clock"]))  # fmt: skip
    assert "tinyrec is told when it is asked" in told.stdout
    assert untold.returncode == 0, untold.stderr
    assert "told when" not in untold.stdout


def test_train_learns_from_texts_and_new_items_can_be_recommended(folder):
    items = "".join(f"{i:02},Thing number {i},kind {i % 3}\n" for i in range(31))
    (folder / "told.csv").write_text("item,title,category\n" + items)
    done = tinyrec("train", "log.txt", "--items", "told.csv", "--content", "tfidf", "--out",
                   "told.npz", *SMALL, cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "31 items whose text has their category" in done.stdout
    assert "known of 30 of the log's 30 items and of 1 others" in done.stdout
    assert "all 31 items ranked" in done.stdout
    listed = tinyrec("recommend", "told.npz", "--history", "03,30", "-k", "31", "--keep-seen",
                     cwd=folder)  # fmt: skip
    assert "30  Thing number 30" in listed.stdout
