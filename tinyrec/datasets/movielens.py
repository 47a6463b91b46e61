"""MovieLens, fetched from GroupLens on request: its licence forbids passing it on.

    address --download--> scratch/part --check md5, unpack--> scratch/name --rename--> folder/name

The scratch folder goes away whatever happens, so folder/name is whole or not there at all.
"""

import hashlib
import zipfile
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.error import ContentTooShortError
from urllib.request import urlopen

from ..errors import InputError

BASE = "https://files.grouplens.org/datasets/movielens"
SILENCE = 30  # seconds without a byte after which a download fails
LICENCE = """\
MovieLens belongs to GroupLens at the University of Minnesota. It is for research: without their
permission do not pass it on or use it commercially, do not claim that they endorse you, and in
what you publish cite Harper & Konstan (2015), "The MovieLens Datasets: History and Context".
The full terms are in the README that comes with it."""


class Dataset(NamedTuple):
    archive: str  # the file at GroupLens
    md5: str  # of the archive, as GroupLens publishes it
    events: str  # the log inside
    titles: str  # the titles of its items


DATASETS = {
    "ml-100k": Dataset("ml-100k.zip", "0e33842e24a9c977be4e0107933c0723", "u.data", "u.item"),
    "ml-1m": Dataset("ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906", "ratings.dat", "movies.dat"),
}


def is_there(name, folder):
    """Does the folder hold this data set's log and titles already?"""
    _, _, events, titles = DATASETS[name]
    return all((Path(folder) / name / file).is_file() for file in (events, titles))


def fetch(name, folder, base=BASE, progress=None):
    """Download and unpack a data set unless it is there; returns folder/name.

    progress(done, total), in bytes, is called as they arrive if the server tells the total.
    Raises InputError, which says how to do it by hand, if anything goes wrong.
    """
    dataset, folder = DATASETS[name], Path(folder)
    address, target = f"{base}/{dataset.archive}", folder / name
    if is_there(name, folder):
        return target
    if target.exists():
        raise InputError(f"{target}: is there, but not complete; move it away and fetch again")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{name}.part-", dir=folder) as scratch:
            part = Path(scratch) / f"{dataset.archive}.part"
            download(address, part, progress)
            md5 = hashlib.md5(part.read_bytes(), usedforsecurity=False).hexdigest()
            if md5 != dataset.md5:
                raise InputError(f"{address}: its md5 is {md5}, not {dataset.md5}; try again")
            unpack(part, Path(scratch))
            (Path(scratch) / name).rename(target)
    except (OSError, HTTPException) as error:
        where = getattr(error, "filename", None) or address
        cause = getattr(error, "reason", error)  # urllib wraps what the system said
        reason = getattr(cause, "strerror", None) or cause
        by_hand = f"try again, or download {address} by hand and unpack it in {folder}"
        raise InputError(f"{where}: {reason}; {by_hand}") from None
    return target


def download(address, path, progress):
    """Write what is at the address to a file; raises OSError or HTTPException if it cannot."""
    with urlopen(address, timeout=SILENCE) as answer, open(path, "wb") as file:
        total = answer.length
        while chunk := answer.read(1 << 16):
            file.write(chunk)
            if progress and total:
                progress(file.tell(), total)
        if total and file.tell() < total:
            raise ContentTooShortError(f"cut off at {file.tell():,} of {total:,} bytes", None)


def unpack(archive, folder):
    """Unpack a zip file; raises InputError if one of its members would leave the folder."""
    with zipfile.ZipFile(archive) as members:
        for name in members.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{archive.name}: {name!r} would leave its folder; not unpacked")
        members.extractall(folder)
