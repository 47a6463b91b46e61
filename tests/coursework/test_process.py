"""A file is judged in a process of its own that has nothing worth stealing and can break nothing.

What only the kernel can hold is tested where Landlock and seccomp are.
"""

import ctypes
import platform
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_check import ATTENTION, LOSS, LSTM, functions_of, judged

from tinyrec.coursework import check, process
from tinyrec.model import lstm

REFERENCE = Path(lstm.__file__)
ROOT = REFERENCE.parents[2]


def kernel_holds():
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        return False
    return ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


held = pytest.mark.skipif(not kernel_holds(), reason="no Landlock here")

# Ways to the reference. Each leaves its text, or the module, in `stolen`; what stops is swallowed.
THEFTS = {
    "open": "stolen = open(PATH).read()",
    "another spelling": "stolen = open(PATH.replace('/tinyrec/', '//tinyrec/../tinyrec/')).read()",
    "a descriptor": "import os; stolen = os.read(os.open(PATH, 0), 99999).decode()",
    "a relative path": "import os; stolen = open(os.path.relpath(PATH)).read()",
    "a link": "import os; os.symlink(PATH, 'link'); stolen = open('link').read()",
    "an io object": "import io; stolen = io.FileIO(PATH).readall().decode()",
    "a memory map": "import numpy as np; stolen = bytes(np.memmap(PATH, np.uint8, 'r')).decode()",
    "fromfile": "import numpy as np; stolen = np.fromfile(PATH, np.uint8).tobytes().decode()",
    "linecache": "import linecache; stolen = ''.join(linecache.getlines(PATH))",
    "an import": "import sys; sys.path.insert(0, ROOT); import tinyrec.model.lstm as stolen",
    "a disarmed import": """
import sys
for module in list(sys.modules.values()):
    if hasattr(module, "REFUSED"):
        module.REFUSED = ()
        module.refuse = lambda *a: None
for name in [name for name in sys.modules if name.startswith("tinyrec")]:
    del sys.modules[name]
sys.path.insert(0, ROOT)
import tinyrec.model.lstm as stolen
""",
    "a loader": """
from importlib.machinery import SourceFileLoader
stolen = SourceFileLoader("stolen", PATH).load_module()
""",
    "a frame above": """
import sys
frame = sys._getframe()
while frame:
    frame.f_globals["REFUSED"] = ()
    frame = frame.f_back
stolen = open(PATH).read()
""",
    "libc": """
import ctypes
libc = ctypes.CDLL(None)
text = ctypes.create_string_buffer(99999)
libc.read(libc.open(PATH.encode(), 0), text, 99999)
stolen = text.value.decode()
""",
    "a program": "import subprocess; stolen = subprocess.getoutput('cat ' + PATH)",
    "a shell": "import os; stolen = os.popen('cat ' + PATH).read()",
    "a fork": """
import os
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, open(PATH, "rb").read())
    os._exit(0)
stolen = os.read(read, 99999).decode()
""",
    "the parent's files": """
import glob
import os
found = glob.glob(f"/proc/{os.getppid()}/cwd/**/lstm.py", recursive=True)
stolen = open(found[0]).read()
""",
}


@held
@pytest.mark.parametrize("way", THEFTS)
def test_the_reference_cannot_be_reached_by(way, tmp_path):
    source = f"""
PATH, ROOT = {str(REFERENCE)!r}, {str(ROOT)!r}
stolen = ""
try:
    exec({THEFTS[way]!r})
except BaseException:
    pass
if isinstance(stolen, str):
    print("TEXT" if "weight_gradient" in stolen else "NOTHING")
else:
    forward, backward = stolen.forward, stolen.backward
    print("MODULE")
"""
    verdict = judged("lstm", source, tmp_path)
    assert verdict.points == 0
    assert "NOTHING" in verdict.printed or not verdict.printed, verdict


def test_the_worker_is_asked_without_answers_and_stands_alone(tmp_path, monkeypatch):
    seen = {}

    def run(folder, packages, request):
        seen["request"] = request
        places = [place for place in folder.iterdir() if place.name != "packages"]
        seen["files"] = sorted(file.name for place in places for file in place.iterdir())
        seen["packages"] = [place.name for place in (folder / "packages").iterdir()]
        return b"", "", 0

    monkeypatch.setattr(process, "run", run)
    (tmp_path / "next_student.py").write_text("secret", "utf-8")
    judged("gru", "x = 1", tmp_path)
    assert "expected" not in seen["request"]
    assert seen["files"] == ["sandbox.py", "solution.py", "worker.py"]
    assert "numpy" in seen["packages"] and "tinyrec" not in seen["packages"]


@held
def test_no_other_file_is_read_changed_or_deleted(tmp_path):
    other = tmp_path / "bob.py"
    other.write_text("secret", "utf-8")
    source = LSTM + f"""
import os
for attempt in ("open(P).read()", "open(P, 'w')", "os.remove(P)", "os.truncate(P, 0)",
                "os.listdir(os.path.dirname(P))", "os.rename(P, P + 'x')"):
    try:
        exec("P = {str(other)!r}; print(" + attempt + ")")
    except OSError:
        pass
"""
    verdict = judged("lstm", source, tmp_path)
    assert verdict.passed and verdict.printed == ""
    assert other.read_text("utf-8") == "secret"


@held
def test_nothing_outlives_the_verdict(tmp_path):
    late = tmp_path / "late"
    source = LSTM + f"""
import ctypes
import os
for start in (os.fork, ctypes.CDLL(None).fork, ctypes.CDLL(None).vfork):
    try:
        if start() == 0:
            os.setsid()
            import time
            time.sleep(1)
            open({str(late)!r}, "w").close()
            os._exit(0)
    except BaseException:
        pass
"""
    judged("lstm", source, tmp_path)
    time.sleep(1.5)
    assert not late.exists()


@held
def test_the_examiner_cannot_be_killed(tmp_path):
    source = LSTM + """
import ctypes
import os
for signal in (9, 15):
    ctypes.CDLL(None).kill(os.getppid(), signal)
    ctypes.CDLL(None).syscall(234, os.getppid(), os.getppid(), signal)
"""
    assert judged("lstm", source, tmp_path).passed


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_memory_is_limited_and_the_rest_is_judged(tmp_path):
    start = "def backward(dh, cache):\n"
    source = LSTM.replace(start, start + "    np.ones(1 << 31)\n")
    verdict = judged("lstm", source, tmp_path)
    assert verdict.points == 6
    assert "MemoryError" in verdict.messages[0][1]


def test_time_is_counted_where_it_is_worked(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "SECONDS", 2)
    assert judged("lstm", LSTM + "\nimport time; time.sleep(3)", tmp_path).passed


def test_a_flood_of_output_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "PRINTED", 10_000)
    monkeypatch.setattr(process, "SECONDS", 2)
    verdict = judged("lstm", "while True: print('x' * 1000)", tmp_path)
    assert verdict.points == 0 and len(verdict.printed) <= 10_000
    assert "stopped after 2 s" in verdict.messages[0][1]
    start = "def forward(x, W, U, b, state=None):\n"
    verdict = judged("lstm", LSTM.replace(start, start + "    print('x' * 5000)\n"), tmp_path)
    assert verdict.passed and len(str(verdict)) < 5000


@pytest.mark.parametrize("number", range(3, 9))
def test_a_reply_of_the_learners_own_earns_nothing(number, tmp_path):
    source = f"""
import os
try:
    os.write({number}, b'[[[{{"dict": {{}}}}, {{"dict": {{}}}}, {{"dict": {{}}}}, null]], null]')
except OSError:
    pass
os._exit(0)
"""
    assert judged("lstm", source, tmp_path).points == 0


def functions(forward, backward):
    return {"forward": forward, "backward": backward}


def test_not_a_number_is_no_derivative():
    right = functions_of("lstm", LSTM)

    def forward(*arguments):
        h, cache = right["forward"](*arguments)
        return h * np.nan, cache

    def backward(dh, cache):
        dx, grads = right["backward"](dh, cache)
        return dx * np.nan, {name: array * np.nan for name, array in grads.items()}

    assert check("lstm", **functions(forward, backward)).points == 0


def test_a_sum_of_all_inputs_is_no_layer():
    def forward(x, W, U, b, state=None):
        total = x.sum(axis=-1, keepdims=True) + W.sum() + U.sum() + b.sum()
        return np.repeat(total, len(U), axis=-1), (x, W, U, b)

    def backward(dh, cache):
        x, W, U, b = cache
        d = dh.sum()
        dx = np.broadcast_to(dh.sum(axis=-1, keepdims=True), x.shape)
        return dx, {"W": 0 * W + d, "U": 0 * U + d, "b": 0 * b + d}

    assert check("lstm", **functions(forward, backward)).points == 0


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_forged_outputs_of_nudged_inputs_earn_nothing(factor):
    right, base = functions_of("lstm", LSTM), []

    def forward(*arguments):
        h, cache = right["forward"](*arguments)
        alike = base and base[0].shape == h.shape and np.abs(base[0] - factor * h).max() < 1e-3
        base[:] = [base[0] if alike else factor * h]  # as if nothing depended on anything
        return base[0], cache

    def backward(dh, cache):
        dx, grads = right["backward"](dh, cache)
        return 0 * dx, {name: 0 * array for name, array in grads.items()}

    verdict = check("lstm", **functions(forward, backward))
    assert verdict.points == (6 if factor == 1 else 0)


DIFFERENCES = """
def backward(d, cache):
    arguments, grads = [a.copy() for a in cache[0]], []
    for array in arguments[:COUNT]:
        gradient = np.zeros_like(array)
        for at in np.ndindex(array.shape):
            kept = array[at]
            array[at] = kept + STEP
            above = np.sum(d * FORWARD(*arguments, *cache[1])[0])
            array[at] = kept - STEP
            below = np.sum(d * FORWARD(*arguments, *cache[1])[0])
            array[at] = kept
            gradient[at] = (above - below) / (2 * STEP)
        grads.append(gradient)
    return RETURN
"""


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("step", ["1e-4", "1e-5", "1e-6"])
def test_a_backward_by_differences_earns_nothing(copied, step):
    inner = ATTENTION.split("def backward")[0].replace("def forward", "def inner")
    source = inner + """
def forward(h, Wq, Wk):
    return inner(h, Wq, Wk)[0], ((h, Wq, Wk), ())
""" + DIFFERENCES
    for name, text in {
        "COUNT": "3", "STEP": step, "FORWARD": "inner" if copied else "forward",
        "RETURN": 'grads[0], {"Wq": grads[1], "Wk": grads[2]}',
    }.items():  # fmt: skip
        source = source.replace(name, text)
    verdict = check("attention", **functions_of("attention", source))
    assert verdict.points == 6
    assert "derivative" in " ".join(text for _, text in verdict.messages)


def test_a_complex_step_is_no_derivation_however_exact():
    source = LSTM.replace("def forward", "def inner") + """
def forward(x, W, U, b, state=None):
    return inner(x, W, U, b, state)[0], ((x, W, U, b), (state,))
""" + DIFFERENCES.replace("a.copy()", "a.astype(complex)")
    for name, text in {
        "COUNT": "4", "array[at] = kept + STEP": "array[at] = kept + 1e-30j",
        "(above - below) / (2 * STEP)": "above.imag / 1e-30", "STEP": "0", "FORWARD": "inner",
        "np.zeros_like(array)": "np.zeros(array.shape)",
        "RETURN": 'grads[0], dict(zip("WUb", grads[1:]))',
    }.items():  # fmt: skip
        source = source.replace(name, text)
    verdict = check("lstm", **functions_of("lstm", source))
    assert verdict.points == 6
    assert "derivative" in verdict.messages[0][1]


def test_a_backward_that_computes_forward_once_more_is_right():
    source = LOSS + """
inner_forward, inner_backward = forward, backward

def forward(*arguments):
    return inner_forward(*arguments)[0], arguments

def backward(d, cache):
    forward(*cache)
    return inner_backward(d, inner_forward(*cache)[1])
"""
    verdict = check("loss", **functions_of("loss", source))
    assert verdict.passed, verdict
