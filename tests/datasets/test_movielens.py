"""MovieLens on request, from a server on this machine that serves an invented archive."""

import hashlib
import io
import socket
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tinyrec import __main__ as command_line
from tinyrec.datasets import movielens
from tinyrec.errors import InputError
from tinyrec.preprocess.events import read_events
from tinyrec.results import report

FILES = {
    "ml-1m": {
        "ml-1m/README": b"the terms",
        "ml-1m/ratings.dat": b"1::7::5::978300100\n1::9::3::978300200\n2::7::1::978300050\n",
        "ml-1m/movies.dat": "7::Le Café (2031)::Drama\n9::Dust (2032)::Comedy\n".encode("latin-1"),
    },
    "ml-100k": {
        "ml-100k/README": b"the terms",
        "ml-100k/u.data": b"1\t7\t5\t978300100\n1\t9\t3\t978300200\n2\t7\t1\t978300050\n",
        "ml-100k/u.item": "7|Le Café (2031)|0\n9|Dust (2032)|1\n".encode("latin-1"),
    },
}


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


@contextmanager
def serving(body, status=200, announced=None):
    """A server that answers every request with the body; yields (its address, paths asked for)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(announced or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def publish(monkeypatch):
    """Makes an archive of the files the one whose md5 is expected; returns its bytes."""

    def publish(name, files):
        body = zipped(files)
        known = movielens.DATASETS[name]._replace(md5=hashlib.md5(body).hexdigest())
        monkeypatch.setitem(movielens.DATASETS, name, known)
        return body

    return publish


def refused(folder, base, **options):
    """The message with which fetching fails; checks that it leaves nothing behind."""
    with pytest.raises(InputError) as caught:
        movielens.fetch("ml-1m", folder, base, **options)
    assert list(folder.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_what_is_fetched_can_be_read_and_brings_its_terms(name, publish, tmp_path):
    with serving(publish(name, FILES[name])) as (base, asked):
        folder = movielens.fetch(name, tmp_path / "new" / "data", base)
    assert asked == [f"/{name}.zip"]
    assert folder == tmp_path / "new" / "data" / name
    assert list(folder.parent.iterdir()) == [folder]
    assert (folder / "README").read_text() == "the terms"
    known = movielens.DATASETS[name]
    events = read_events(folder / known.events, items=folder / known.titles)
    assert list(events.items[events.item]) == ["7", "9", "7"]
    assert list(events.numeric["rating"]) == [5, 3, 1]
    assert events.titles == {"7": "Le Café (2031)", "9": "Dust (2032)"}


def test_progress_counts_the_bytes_up_to_all_of_them(publish, tmp_path):
    body, seen = publish("ml-1m", FILES["ml-1m"] | {"ml-1m/users.dat": b"0" * 200_000}), []
    with serving(body) as (base, _):
        movielens.fetch("ml-1m", tmp_path, base, progress=lambda *bytes: seen.append(bytes))
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {len(body)}
    assert seen[-1] == (len(body), len(body))


def test_what_is_there_is_not_downloaded_again(publish, tmp_path):
    with serving(publish("ml-1m", FILES["ml-1m"])) as (base, asked):
        first = movielens.fetch("ml-1m", tmp_path, base)
        assert movielens.fetch("ml-1m", tmp_path, base) == first
    assert len(asked) == 1


def test_a_folder_that_lacks_a_file_is_left_alone(tmp_path):
    (tmp_path / "ml-1m").mkdir()
    (tmp_path / "ml-1m" / "ratings.dat").write_text("mine")
    with serving(b"") as (base, asked), pytest.raises(InputError, match="not complete; move it"):
        movielens.fetch("ml-1m", tmp_path, base)
    assert asked == []
    assert (tmp_path / "ml-1m" / "ratings.dat").read_text() == "mine"


def test_an_archive_with_another_md5_is_refused(tmp_path):
    body = zipped(FILES["ml-1m"])
    with serving(body) as (base, _):
        message = refused(tmp_path, base)
    found, expected = hashlib.md5(body).hexdigest(), movielens.DATASETS["ml-1m"].md5
    assert f"{base}/ml-1m.zip: its md5 is {found}, not {expected}" in message


def test_a_transfer_that_is_cut_off_is_refused(publish, tmp_path):
    body = publish("ml-1m", FILES["ml-1m"])
    with serving(body, announced=5000) as (base, _):
        assert f"cut off at {len(body)} of 5,000 bytes; try again" in refused(tmp_path, base)


def test_an_error_of_the_server_names_the_address_to_fetch_by_hand(tmp_path):
    with serving(b"gone", status=404) as (base, _):
        message = refused(tmp_path, base)
    by_hand = f"download {base}/ml-1m.zip by hand and unpack it in {tmp_path}"
    assert message == f"{base}/ml-1m.zip: Not Found; try again, or {by_hand}"


def test_a_closed_port_says_so(tmp_path):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert f"{base}/ml-1m.zip: Connection refused; try again" in refused(tmp_path, base)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with serving(b"") as (base, asked), pytest.raises(InputError, match="file: File exists; "):
        movielens.fetch("ml-1m", tmp_path / "file", base)
    assert asked == []


@pytest.mark.parametrize("name", ["../evil", "ml-1m/../../evil", "/evil"])
def test_a_member_that_would_leave_the_folder_is_refused(name, publish, tmp_path):
    with serving(publish("ml-1m", FILES["ml-1m"] | {name: b"evil"})) as (base, _):
        assert f"ml-1m.zip.part: {name!r} would leave its folder" in refused(tmp_path, base)


def test_an_interruption_leaves_nothing(publish, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with serving(publish("ml-1m", FILES["ml-1m"])) as (base, _), pytest.raises(KeyboardInterrupt):
        movielens.fetch("ml-1m", tmp_path, base, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def run(monkeypatch, base, *arguments):
    """The exit code of `tinyrec fetch` with the server in GroupLens's place."""
    monkeypatch.setattr(movielens, "fetch", partial(movielens.fetch, base=base))
    return command_line.main(["fetch", *map(str, arguments)])


def test_the_command_prints_the_terms_and_then_what_to_run(
    publish, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "ml-1m"
    with serving(publish("ml-1m", FILES["ml-1m"])) as (base, _):
        assert run(monkeypatch, base, "ml-1m", "--to", tmp_path) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(movielens.LICENCE)
        train = f"tinyrec train {folder}/ratings.dat --items {folder}/movies.dat"
        assert printed.endswith(f"{train}\n  tinyrec recommend model.npz --user 1\n")

        assert run(monkeypatch, base, "ml-1m", "--to", tmp_path) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(f"{folder}: already there, nothing to download")
        assert movielens.LICENCE not in printed
        assert train in printed


def test_the_command_fails_in_one_line(tmp_path, monkeypatch, capsys):
    with serving(b"gone", status=503) as (base, _):
        assert run(monkeypatch, base, "ml-100k", "--to", tmp_path) == 2
    out, error = capsys.readouterr()
    assert out.strip() == movielens.LICENCE
    assert error.startswith(f"tinyrec: {base}/ml-100k.zip: Service Unavailable; ")
    assert error.count("\n") == 1


def test_the_bar_shows_percent_megabytes_and_time_left(monkeypatch, capsys):
    monkeypatch.setattr(report.time, "perf_counter", iter([0, 2, 8]).__next__)
    draw = report.download_bar()
    draw(1_500_000, 6_000_000)
    draw(6_000_000, 6_000_000)
    assert capsys.readouterr().err == (
        f"  [{'#' * 7:<30}]  25% of 6.0 MB, 6 s left  \r"
        f"  [{'#' * 30}] 100% of 6.0 MB, 0 s left  \n"
    )
