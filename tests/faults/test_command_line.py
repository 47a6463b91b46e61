"""The command line when things go wrong: the exit code tells the truth, nothing of anybody's is
lost, and what is said fits one line. In this process, where no signal is needed.
"""

import contextlib
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyrec import InputError, outputs, read_events, store
from tinyrec.__main__ import main
from tinyrec.commands import COMMANDS, OPTIONS

pytestmark = pytest.mark.faults
SMALL = ["--no-fast", "--dim", "4", "--hidden", "4", "--negatives", "4", "--threads", "1"]
ROOT = str(Path(__file__).parents[2])


def run(*arguments):
    """(exit code, what was printed, what was said of errors) of a command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    assert "Traceback" not in err.getvalue()
    return code, out.getvalue(), err.getvalue()


def refused(*arguments):
    """What is said of a request that is refused."""
    code, _, said = run(*arguments)
    assert code == 2 and len(said.splitlines()) == 1, (code, said)
    return said


def train(*more, epochs=1):
    return run("train", "log.txt", "--epochs", epochs, *SMALL, *more)


def start(*arguments, shell="", **options):
    """A process of its own: python -m tinyrec, or a shell's line around it."""
    command = [sys.executable, "-m", "tinyrec", *map(str, arguments)]
    if shell:
        command = ["sh", "-c", shell, "sh", *command]
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONUNBUFFERED": "1"}
    environment |= options.pop("env", {})
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)  # fmt: skip


LONG = ["train", "log.txt", "--out", "long.npz", "--epochs", "9000", *SMALL]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    before = os.getcwd()
    os.chdir(folder)
    lines = [" ".join(f"{(user + step * (1 + user % 3)) % 20:02}" for step in range(8))
             for user in range(40)]  # fmt: skip
    Path("log.txt").write_text("\n".join(lines) + "\n")
    titles = [f"{item:02},\x1b[31mThing\x07 \u202e{item}" for item in range(20)]
    Path("items.csv").write_text("\n".join(["item,title", *titles]), "utf-8")
    code, _, said = train("--items", "items.csv", "--out", "m.npz", "--json", "m.json")
    assert code == 0, said
    yield folder
    os.chdir(before)


@pytest.fixture(autouse=True)
def folder(trained, tmp_path, monkeypatch):
    """A fresh folder with a log, titles, a model, and files that are somebody's."""
    monkeypatch.chdir(tmp_path)
    for name in ("log.txt", "items.csv", "m.npz", "m.json"):
        Path(name).write_bytes((trained / name).read_bytes())
    Path("photo.png").write_bytes(b"\x89PNG\r\n\x1a\nof somebody")
    Path("notes.txt").write_text("of somebody")
    return tmp_path


# Signals


def test_a_signal_while_modules_are_imported_ends_with_130_and_one_line(folder):
    Path("lib").mkdir()
    Path("lib/threadpoolctl.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), int(os.environ['NUMBER']))\ntime.sleep(9)"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        path = os.pathsep.join([str(folder / "lib"), ROOT])
        process = start(*LONG, env={"PYTHONPATH": path, "NUMBER": str(int(number))})
        _, said = process.communicate()
        assert (process.returncode, said) == (130, "tinyrec: interrupted\n")


def test_sigterm_in_training_keeps_the_checkpoint_and_the_training_goes_on_from_it():
    process = start(*LONG)
    while "epoch   2/" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.startswith("tinyrec: interrupted; long.npz.checkpoint.npz keeps the last epoch")
    assert len(said.splitlines()) == 1 and "--resume" in said
    store.read("long.npz.checkpoint.npz", store.CHECKPOINT)


def test_ctrl_c_at_any_other_moment_ends_with_130_and_one_line(monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    for place in ("tinyrec.commands.read_events", "tinyrec.results.compare.compare",
                  "tinyrec.results.report.table", "tinyrec.results.plots.learning_curve",
                  "tinyrec.commands.parser"):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            assert train("--out", "i.npz")[::2] == (130, "tinyrec: interrupted\n"), place


def test_the_readers_leaving_ends_no_training_and_its_exit_code_is_that_of_the_work():
    shell = '("$@"; echo $? > code) | head -n 1'
    process = start("train", "log.txt", "--out", "head.npz", "--epochs", "2", *SMALL, shell=shell)
    out, said = process.communicate()
    assert said == "" and len(out.splitlines()) == 1
    assert Path("code").read_text() == "0\n"
    assert run("recommend", "head.npz", "--user", "7")[0] == 0


def test_closed_streams_and_a_signal_ignored_by_nohup_stop_no_training():
    shell = 'trap "" HUP; "$@" <&- >&- 2>&- & echo $! > pid; wait $!'
    process = start(*LONG, shell=shell)
    while not Path("long.npz.checkpoint.npz").exists():
        assert process.poll() is None
    found = store.read("long.npz.checkpoint.npz", store.CHECKPOINT)[0]
    assert found["history"]
    os.kill(int(Path("pid").read_text()), signal.SIGHUP)
    epochs = len(found["history"])
    while len(store.read("long.npz.checkpoint.npz", store.CHECKPOINT)[0]["history"]) <= epochs + 2:
        assert process.poll() is None
    os.kill(int(Path("pid").read_text()), signal.SIGTERM)
    process.communicate()
    assert process.returncode == 130


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_standard_output_that_is_full_is_said_and_the_model_is_saved():
    with open("/dev/full", "w") as full, contextlib.redirect_stdout(full):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code = main(["train", "log.txt", "--out", "f.npz", "--epochs", "1", *SMALL])
    assert code == 2
    assert err.getvalue().startswith("tinyrec: standard output: No space left")
    assert run("recommend", "f.npz", "--user", "7")[0] == 0


# What is written, and what is not written over

WRITTEN = [
    ("train log.txt --items items.csv --out", "--epochs 1"),
    ("train log.txt --items items.csv --json", "--epochs 1 --out new.npz"),
    ("evaluate m.npz log.txt --json", ""),
    ("evaluate m.npz log.txt --plot", ""),
    ("recommend m.npz --user 7 --json", ""),
    ("recommend m.npz --all --to", ""),
    ("explain m.npz --user 7 --plot", ""),
    ("explain m.npz --user 7 --html", ""),
    ("compress m.npz --how int8 --out", ""),
    ("check lstm lstm.py --json", ""),
    ("check lstm lstm.py --gradescope", ""),
    ("bench --plot", ""),
]


@pytest.mark.parametrize(("before", "after"), WRITTEN)
def test_no_output_is_an_input_or_anything_that_is_not_tinyrecs(folder, before, after):
    """Nothing is read or trained for it either: all of it is refused before."""
    Path("lstm.py").write_text("forward = backward = None")
    inputs = [word for word in before.split() if "." in word]
    picture = "--plot" in before
    others = ["photo.png"] if picture else ["photo.png", "notes.txt", *inputs]
    os.symlink("notes.txt", "link.png")
    os.link("m.npz", "same.png")
    os.mkfifo("fifo.png")
    others += ["link.png", "fifo.png", "nowhere/x.png", "a" * 300 + ".png", "", ".", "photo.png/"]
    others += ["same.png"] if "m.npz" in inputs else []
    kept = {path: path.read_bytes() for path in folder.iterdir() if path.suffix != ".png"}
    for name in others:
        refused(*before.split(), name, *after.split())
    assert not picture or "a picture ends in" in refused(*before.split(), "x.gif")
    assert Path("photo.png").read_bytes().endswith(b"of somebody")
    assert {path: path.read_bytes() for path in kept} == kept


def test_no_two_outputs_are_one_file_also_by_another_name():
    for other in ("x.npz", "./x.npz", "x.npz.png", "x.npz.checkpoint.npz", "x.npz.lock"):
        assert "written already" in train("--out", "x.npz", "--json", other)[2]
    both = ["--json", "r", "--gradescope", "r"]
    assert "written already" in refused("check", "lstm", "l.py", *both)


def test_files_beside_the_model_are_nobodys_else():
    for name in ("photo.png", "p.checkpoint.npz", "p.lock", "p.part"):
        Path(name).write_text("of somebody")
        assert "--force" in refused("train", "log.txt", "--out", name.split(".")[0])
        assert Path(name).read_text() == "of somebody"
        Path(name).unlink()


def test_force_writes_over_a_file_of_somebody_but_never_over_an_input():
    assert run("recommend", "m.npz", "--user", "7", "--json", "notes.txt", "--force")[0] == 0
    assert len(json.loads(Path("notes.txt").read_text())) == 10
    assert "read already" in refused("recommend", "m.npz", "--user", "7", "--json", "m.npz",
                                     "--force")  # fmt: skip


def test_what_tinyrec_wrote_is_written_over():
    Path("s.py").write_text("def forward(): pass")
    for arguments in (["evaluate", "m.npz", "--json", "a.json", "--plot", "a.png"],
                      ["recommend", "m.npz", "--user", "7", "--json", "a.json"],
                      ["recommend", "m.npz", "--all", "--to", "a.csv"],
                      ["explain", "m.npz", "--user", "7", "--plot", "a.svg", "--html", "a.html"],
                      ["explain", "m.npz", "--user", "7", "--plot", "a.pdf"],
                      ["check", "no", "s.py", "--gradescope", "a.json"],
                      ["compress", "m.npz", "--how", "int8", "--out", "small.npz"]):  # fmt: skip
        first, second = run(*arguments), run(*arguments)
        assert first[0] == second[0] and "not by tinyrec" not in second[2], second[2]
    assert train("--out", "m.npz", "--json", "m.json")[0] == 0


def test_json_to_standard_output_is_all_that_stands_there(capsys):
    for arguments in (["recommend", "m.npz", "--user", "7"], ["evaluate", "m.npz"],
                      ["train", "log.txt", "--epochs", "1", *SMALL]):  # fmt: skip
        code, out, said = run(*arguments, "--json", "-")
        assert code == 0 and said
        assert json.loads(out)
    assert not Path("-").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no limits on this system")
def test_a_full_disk_ends_with_2_and_the_bytes_needed_and_leaves_what_was_there():
    import resource

    before = Path("m.npz").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for arguments in (["compress", "m.npz", "--how", "float16", "--out", "m2.npz"],
                      ["explain", "m.npz", "--user", "7", "--html", "h.html"],
                      ["explain", "m.npz", "--user", "7", "--plot", "p.png"],
                      ["recommend", "m.npz", "--all", "--to", "a.csv"],
                      ["evaluate", "m.npz", "--json", "e.json"]):  # fmt: skip
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
        try:
            code, _, said = run(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert code == 2 and len(said.splitlines()) == 1
        assert "it needs" in said and "are free" in said
        assert not [name for name in os.listdir() if name == arguments[-1] or ".part" in name]
    assert Path("m.npz").read_bytes() == before


def test_nothing_that_fails_after_a_training_loses_the_table_or_the_rest(monkeypatch):
    whole = outputs.write

    def full(path, content):
        raise InputError(f"{path}: full")

    monkeypatch.setattr(outputs, "write", full)
    code, out, said = train("--out", "t.npz", "--json", "t.json")
    assert code == 2 and said == "tinyrec: t.npz.png: full; t.json: full\n"
    assert "\ndecayed markov" in out and "10. p = " in out
    assert run("recommend", "t.npz", "--user", "7")[0] == 0

    monkeypatch.setattr(outputs, "write", whole)
    monkeypatch.setattr("tinyrec.recommender.Recommender.save", lambda self, path: full(path, 0))
    code, out, said = train("--out", "u.npz", "--json", "u.json")
    assert code == 2 and said == "tinyrec: u.npz: full\n"
    assert "\ndecayed markov" in out and "saved" not in out
    assert Path("u.npz.checkpoint.npz").exists() and Path("u.json").exists()


def test_files_are_on_the_disk_before_they_take_their_name(monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    outputs.write("x.txt", "text")
    assert done[:2] == ["fsync", "replace"] and Path("x.txt").read_text() == "text"


def test_what_is_interrupted_while_it_is_written_leaves_no_part_of_it(monkeypatch):
    def interrupted(number):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outputs.write("m.json", "half")
    assert json.loads(Path("m.json").read_text()) and not Path("m.json.part").exists()


# Requests

WORDS = ("--history", "--freeze", "preset", "split", "clock")


def test_resume_without_a_checkpoint_begins_anew_and_says_so():
    code, out, _ = train("--out", "r.npz", "--resume")
    assert code == 0 and "no checkpoint" in out and "begins anew" in out
    assert "epoch   1/1" in out


def test_resume_of_a_complete_training_says_so_and_prints_the_table():
    first = train("--out", "r.npz", epochs=2)[1]
    before = Path("r.npz").read_bytes()
    code, out, _ = train("--out", "r.npz", "--resume", epochs=2)
    assert code == 0 and "is complete" in out and "epoch   1/2" not in out
    assert out[out.index("40 users, each") :] == first[first.index("40 users, each") :]
    assert Path("r.npz").read_bytes() == before
    assert "epoch   1/3" in train("--out", "r.npz", "--resume", epochs=3)[1]


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"check", "course"}))
def test_every_number_out_of_range_is_refused_with_its_range(command):
    positional = {"MODEL": "m.npz", "EVENTS": "log.txt", "NAME": "ml-100k", "EXERCISE": "lstm",
                  "FILE": "lstm.py"}  # fmt: skip
    takes = COMMANDS[command][2]
    needed = [value for name, value in positional.items() if name in takes]
    needed += ["--user", "7"] if "--user" in takes else []
    for name in takes:
        if "type" not in OPTIONS.get(name, {"type": 0}) or name in WORDS:
            continue
        flag = name if name.startswith("-") else f"--{name.replace('_', '-')}"
        for value in ("-1", "1e400", "nan", "9" * 40):
            said = refused(command, *needed, flag, value)
            assert "between" in said or "no number" in said, (flag, value, said)


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"check", "course"}))
def test_an_empty_name_is_refused_wherever_a_name_may_stand(command):
    takes = COMMANDS[command][2]
    for name in takes:
        about = OPTIONS.get(name, {})
        if not about or "action" in about or "type" in about or "choices" in about:
            continue
        given = [name.split()[0], ""] if name.startswith("-") else []
        needed = ["" if each == name else "lstm" for each in takes if each.isupper()]
        needed = ["ml-100k"] if command == "fetch" else needed
        needed += ["--user", "7"] if "--user" in takes and name != "--user" else []
        assert "is empty" in refused(command, *needed, *given), name


def test_some_unknown_items_are_named_and_left_out_and_all_unknown_is_an_error():
    known = run("recommend", "m.npz", "--history", "03,04")[1]
    code, out, said = run("recommend", "m.npz", "--history", "03,zz,04")
    assert (code, out) == (0, known)
    assert said.startswith("tinyrec: left out") and " zz" in said and len(said.splitlines()) == 1
    assert "yy" in refused("recommend", "m.npz", "--history", "yy,zz")


@pytest.mark.parametrize("text", ["", "\t", '"\t"', '""', '""\n""', "\x00", "\ufeff", ","])
def test_whatever_is_given_as_titles_it_is_a_sentence(text):
    Path("t.csv").write_text(text, "utf-8")
    assert "t.csv" in refused("train", "log.txt", "--items", "t.csv", "--out", "x.npz")


# What is printed


def test_no_id_or_title_moves_the_cursor_but_files_keep_it_as_it_is():
    code, out, _ = run("recommend", "m.npz", "--user", "7", "--json", "r.json")
    assert code == 0 and "Thing" in out
    assert not set(out) & set("\x1b\x07\r\u202e\x9b")
    said = refused("recommend", "m.npz", "--user", "\x1b[2J\n\x9b31m")
    assert not set(said[:-1]) & set("\x1b\x9b\n")
    log = Path("log.txt").read_text().replace("03", "\x9b3")
    Path("log.txt").write_text(log, "utf-8")
    train("--out", "c.npz")
    run("recommend", "c.npz", "--history", "04", "-k", "20", "--json", "c.json")
    assert "\x9b3" in {row["item"] for row in json.loads(Path("c.json").read_text("utf-8"))}


def test_a_terminal_that_lacks_letters_gets_others():
    for encoding in ("ascii", "cp437", "cp1252", "gbk"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            assert main(["explain", "m.npz", "--user", "7", "--item", "03"]) == 0
            assert main(["recommend", "m.npz", "--user", "é高"]) == 2
        stream.flush()
        assert b"adds to the logit" in stream.buffer.getvalue()


# Machines


def test_neither_locks_nor_signals_of_one_system_are_needed(monkeypatch):
    for module in ("fcntl", "resource"):
        monkeypatch.setitem(sys.modules, module, None)
    for name in ("SIGALRM", "SIGHUP", "SIGPROF", "SIGXCPU", "SIGKILL"):
        monkeypatch.delattr(signal, name)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    assert train("--out", "w.npz")[0] == 0


def test_without_a_home_in_a_plain_locale_on_one_core_and_without_a_compiler():
    process = start("train", "log.txt", "--out", "h.npz", "--epochs", "1", *SMALL[1:],
                    env={"HOME": "/nonexistent", "LC_ALL": "C", "PYTHONUTF8": "0",
                         "PYTHONIOENCODING": "ascii", "NUMBA_DISABLE_JIT": "1",
                         "MPLBACKEND": "none such", "PYTHONDONTWRITEBYTECODE": "1",
                         "XDG_CACHE_HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"},
                    preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
                    if hasattr(os, "sched_setaffinity") else None)  # fmt: skip
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert Path("h.npz.png").stat().st_size > 1000


def read_in_child(pipe):
    try:
        pipe.send(len(read_events("log.txt").users))
    except InputError as error:
        pipe.send(str(error))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_child_reads_a_log_or_says_how_to_start_it(method):
    """polars' threads are not in a fork, which would wait for them for ever."""
    read_events("log.txt")
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context(method).Process(target=read_in_child, args=(theirs,))
    child.start()
    assert ours.poll(60), "the child hangs"
    found = ours.recv()
    child.join()
    assert found == 40 if method != "fork" else "'spawn'" in found


# Anything

words = st.sampled_from(
    ["m.npz", "log.txt", "items.csv", "photo.png", "notes.txt", "nowhere/x", "x.png", "x.json",
     ".", "-", "", "\n", "\x1b[2J", "é", "a" * 300, "7", "03", "03,04", "zz", "-1", "0", "1", "2",
     "3", "1e9", "nan", "inf", "9" * 30, "best", "last", "time", "int8", "zh", "tfidf", "lstm",
     "lstm.py", "user=1,item=2", "E,W", "ml-100k", "--", "-k", "--help"]
)  # fmt: skip
flags = st.sampled_from(
    sorted({name.split()[0] for name in OPTIONS if name.startswith("-")}
           | {f"--{name.replace('_', '-')}" for _, _, takes in COMMANDS.values()
              for name in takes if name not in OPTIONS})
)  # fmt: skip
STARTS = {
    "train": ["log.txt", "--epochs", "1", *SMALL], "evaluate": ["m.npz"],
    "recommend": ["m.npz", "--user", "7"], "explain": ["m.npz", "--user", "7"],
    "compress": ["m.npz"], "check": ["lstm", "none.py"],
}  # fmt: skip


@given(command=st.sampled_from(sorted(STARTS)),
       more=st.lists(st.one_of(words, st.tuples(flags, words), st.text(max_size=4)), max_size=5))
def test_any_options_end_with_a_code_and_at_most_one_line(folder, command, more):
    """Options that take long are left to other tests: bench, study, serve, fetch."""
    options = [word for part in more for word in ([part] if isinstance(part, str) else part)]
    started = {path: path.read_bytes() for path in folder.iterdir()
               if path.name in ("log.txt", "items.csv", "photo.png", "notes.txt")}  # fmt: skip
    code, _, said = run(command, *STARTS[command], *options)
    assert code in (0, 1, 2)
    assert code != 2 or len(said.splitlines()) >= 1
    assert code != 2 or said.splitlines()[-1].startswith("tinyrec: ")
    if "--force" not in options:
        assert {path: path.read_bytes() for path in started} == started
