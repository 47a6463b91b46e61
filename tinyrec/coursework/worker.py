"""Calls a learner's functions. It stands alone: started as a script, it never sees tinyrec.

process.py starts it in a folder that has the learner's file in solution/. A request comes in on
standard input: what to call and with what, as JSON. The reply leaves by standard output: what the
functions answered, or why they did not. What the learner's code prints goes to standard error.
"""

import builtins
import io
import json
import linecache
import os
import re
import sys
from collections import Counter
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from traceback import walk_tb
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import numpy as np

REFUSED = ("tinyrec", "torch", "tensorflow", "keras", "jax")
IDLE = ("tinyrec.coursework", "matplotlib", "matplotlib.pyplot", "IPython")
NUDGE = 1e-5  # of an entry, up and down, for a numerical gradient
FEW = 20  # times as many calls in backward of what forward calls: more are no derivation
SHOWN = 80  # letters of a line that is shown
STANDARD = os.path.dirname(os.__file__)
LAYER = "(output, cache)"
BACK = "(d_input, grads)"
STEP = "h, c, (i, f, g, o)"


class Trouble(Exception):
    """What a learner's function did that cannot be judged: the key of a sentence, its values."""

    def __init__(self, key, **values):
        super().__init__(key, values)
        self.said = (key, values)


class Answer(NamedTuple):
    """What the functions answered in one case."""

    arrays: dict  # name of a part -> array
    again: dict  # the same of a second call of backward
    nudged: dict  # name of a gradient -> the outputs (entries, 2, …), each entry nudged up, down
    trouble: tuple | None  # what went wrong on the way: (key, values)


class Reply(NamedTuple):
    """One Answer a case, or the trouble because of which there is none."""

    answers: list
    trouble: tuple | None


class Kept:
    """An answer in the making; the trouble of one function leaves the others' results alone."""

    def __init__(self):
        self.arrays, self.again, self.nudged, self.trouble = {}, {}, {}, None

    @contextmanager
    def trouble_kept(self):
        try:
            yield
        except Trouble as trouble:
            self.trouble = self.trouble or trouble.said

    def answer(self):
        return Answer(self.arrays, self.again, self.nudged, self.trouble)


def call_layer(functions, case):
    """forward, then backward twice if it is asked: "output", "d_input", each weight's gradient.

    Then forward for entries nudged up and down.
    """
    kept = Kept()
    forward, backward = functions["forward"], functions.get("backward")
    with counted() as usual:
        output, cache = pair(call(forward, case["arguments"]), "forward", LAYER)
    kept.arrays |= numbered("output", output, returned("forward"))
    if backward and "d_output" in case:
        with kept.trouble_kept():
            with counted() as calls:
                once = gradients(backward, case["d_output"], cache)
            if any(calls[code] > FEW * times for code, times in usual.items()):
                raise Trouble("backward_by_differences")
            try:
                kept.again |= gradients(backward, case["d_output"], cache)
            except Trouble as trouble:
                raise Trouble("stops_when_called_again", error=trouble.said) from None
            kept.arrays |= once
        for name, index in case["nudge"].items():
            kept.nudged[name] = nudged(forward, case["arguments"], index)
    return kept.answer()


@contextmanager
def counted():
    """Counts the calls of each of the learner's own functions meanwhile: {its code: calls}."""
    calls, before = Counter(), sys.getprofile()

    def watch(frame, event, argument):
        if event == "call" and is_own(frame.f_code.co_filename):
            calls[frame.f_code] += 1
        if before:
            before(frame, event, argument)

    sys.setprofile(watch)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def is_own(file):
    return file != __file__ and "packages" not in file and not file.startswith(STANDARD)


def gradients(backward, d_output, cache):
    d_input, grads = pair(call(backward, [d_output, cache], watched=[d_output]), "backward", BACK)
    if not isinstance(grads, dict):
        raise Trouble("no_dict_of_gradients")
    first = ("first_result", {"function": "backward"})
    others = {str(name): as_array(gradient, ("gradient_of", {"name": str(name)}))
              for name, gradient in grads.items()}  # fmt: skip
    return numbered("d_input", d_input, first) | others


def output_of(forward, arguments):
    output, _ = pair(call(forward, arguments), "forward", LAYER)
    return output


def nudged(forward, arguments, index):
    """The outputs for each entry of an argument nudged up, and down: (entries, 2, outputs).

    What `forward` prints is dropped: it is called hundreds of times.
    """
    outputs = []
    with redirect_stdout(io.StringIO()):
        for entry in range(arguments[index].size):
            for nudge in (NUDGE, -NUDGE):
                array = arguments[index].copy()
                array.flat[entry] += nudge
                asked = [*arguments[:index], array, *arguments[index + 1 :]]
                outputs.append(flat(output_of(forward, asked)))
    return np.array(outputs).reshape(len(outputs) // 2, 2, -1)


def flat(value):
    """All numbers of an array, or of several in a tuple, one after the other."""
    several = value if isinstance(value, (tuple, list)) else [value]
    return np.concatenate([as_array(one, returned("forward")).ravel() for one in several])


def numbered(name, value, about):
    """{name: array}, or {name, name 2, …} where a layer has several."""
    if not isinstance(value, tuple):
        return {name: as_array(value, about)}
    names = [name, *(f"{name} {number}" for number in range(2, len(value) + 1))]
    return {key: as_array(one, about) for key, one in zip(names, value, strict=True)}


def call_step(functions, case):
    """One LSTM step: "h", "c", "i", "f", "g", "o"."""
    kept = Kept()
    h, (c, gates) = pair(call(functions["step"], case["arguments"]), "step", STEP, 3)
    i, others = pair(gates, "step", STEP, 4)
    values = zip("hcifgo", (h, c, i, *others), strict=True)
    kept.arrays |= {name: as_array(value, name) for name, value in values}
    return kept.answer()


def call_adam(functions, case):
    """Steps with given gradients: "one step", "all steps", of parameters changed in place."""
    kept = Kept()
    params = {name: theta.copy() for name, theta in case["params"].items()}
    thetas = dict(params)
    adam = call(functions["Adam"], [params], case["settings"])
    for number, grads in enumerate(case["grads"]):
        given = {name: gradient.copy() for name, gradient in grads.items()}
        call(adam.step, [given])
        if any(not np.array_equal(given[name], grads[name]) for name in grads):
            raise Trouble("writes_into_gradients")
        if number == 0:
            kept.arrays["one step"] = flat(tuple(thetas.values()))
    kept.arrays["all steps"] = flat(tuple(thetas.values()))
    if any(params[name] is not thetas[name] for name in thetas):
        raise Trouble("not_in_place")
    unmoved = all(np.array_equal(thetas[name], theta) for name, theta in case["params"].items())
    if unmoved and not case["name"]:
        raise Trouble("nothing_moves")
    return kept.answer()


def call_metrics(functions, case):
    """Ranks, and what they are worth at k: "ranks", "hr", "ndcg", …."""
    kept = Kept()
    with kept.trouble_kept():
        kept.arrays["ranks"] = as_array(call(functions["ranks"], case["arguments"]), "ranks")
    table = call(functions["at_k"], [case["ranks"], case["k"]])
    if not isinstance(table, dict):
        raise Trouble("no_dict_of_metrics")
    kept.arrays |= {key.split("@")[0]: as_array(value, key) for key, value in table.items()}
    return kept.answer()


def call_cleaning(functions, case):
    """The cleaned logs, by name."""
    kept = Kept()
    for name, log in case["logs"].items():
        cleaned = call(functions["clean"], [log, case["most"]])
        kept.arrays[name] = as_array(cleaned, returned("clean"))
    return kept.answer()


def call_sequences(functions, case):
    """"train", "valid", "test", "windows", "pad"; in which order windows come is free."""
    kept = Kept()
    log, spans = SimpleNamespace(**case["log"]), case["spans"]
    names = ("train", "valid", "test")
    with kept.trouble_kept():
        train, others = pair(
            call(functions["leave_one_out"], [log]), "leave_one_out", ", ".join(names), 3
        )
        splits = zip(names, (train, *others), strict=True)
        kept.arrays |= {name: as_array(split, name) for name, split in splits}
    with kept.trouble_kept():
        windows = as_array(call(functions["windows"], [spans, case["longest"]]), "windows")
        kept.arrays["windows"] = np.array(sorted(windows.tolist()))
    with kept.trouble_kept():
        kept.arrays["pad"] = as_array(call(functions["pad"], [log.items, spans]), "pad")
    return kept.answer()


def call_gradcheck(functions, case):
    """"numerical", "put back", "error", "broken"; f bends, so that h matters."""
    kept = Kept()
    array, matrix = case["array"].copy(), case["matrix"]

    def f():
        return float(np.sin(matrix @ array.ravel()).sum())

    with kept.trouble_kept():
        numerical = call(functions["numerical"], [f, array], watched=[])
        kept.arrays["numerical"] = as_array(numerical, returned("numerical"))
        kept.arrays["put back"] = np.asarray(array != case["array"], float)
    for name, pairs in (("error", case["pairs"]), ("broken", case["broken"])):
        with kept.trouble_kept():
            errors = [call(functions["error"], list(both)) for both in pairs]
            kept.arrays[name] = as_array(errors, returned("error"))
    return kept.answer()


def call_recurrence(functions, case):
    """"output", and "compiled" if it is; then again, many times where threads might meet."""
    kept = Kept()
    walk = functions["walk"]
    output = as_array(call(walk, case["arguments"]), returned("walk"))
    kept.arrays["output"] = kept.again["output"] = output
    with counted() as calls:
        call(walk, case["arguments"])
    if not is_compiled(walk) or calls.keys() - {walk.py_func.__code__}:
        kept.trouble = ("not_compiled", {})
        return kept.answer()
    kept.arrays["compiled"] = np.array(1.0)
    for _ in range(case["again"]):
        if np.array_equal(kept.again["output"], output, equal_nan=True):
            kept.again["output"] = as_array(walk(*case["arguments"]), returned("walk"))
    return kept.answer()


def is_compiled(function):
    numba = sys.modules.get("numba")
    return (numba and isinstance(function, numba.core.dispatcher.Dispatcher)
            and function.nopython_signatures)  # fmt: skip


KINDS = {function.__name__.removeprefix("call_"): function for function in (
    call_layer, call_step, call_adam, call_metrics, call_cleaning, call_sequences, call_gradcheck,
    call_recurrence)}  # fmt: skip


def reply_of(kind, functions, cases):
    """The Reply of functions to cases, in which they are called in the exercise's kind of way."""
    try:
        return Reply([KINDS[kind](functions, case) for case in cases], None)
    except Trouble as trouble:
        return Reply([], trouble.said)


def call(function, arguments, settings=None, watched=None):
    """The function's result, with its errors and what it does to its inputs as Trouble.

    watched: inputs that it may not write into; all if None.
    """
    name = getattr(function, "__name__", "your function")
    watched = arguments if watched is None else watched
    before = arrays_in(copied(watched))
    try:
        with np.errstate(all="ignore"):
            result = function(*arguments, **(settings or {}))
    except NotImplementedError:
        raise Trouble("still_empty", function=name) from None
    except Trouble:
        raise
    except EOFError:
        raise Trouble("waits_for_input") from None
    except Exception as error:
        error, shapes = place_of(error), ", ".join(map(shape_of, arguments))
        raise Trouble("function_stops", function=name, error=error, shapes=shapes) from None
    for array, copy in zip(arrays_in(watched), before, strict=False):
        if not np.array_equal(array, copy, equal_nan=True):
            raise Trouble("writes_into_inputs", function=name)
    return result


def copied(value):
    """Nested lists, tuples and dicts with their arrays copied."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copied(one) for one in value)
    return value


def arrays_in(value):
    """The arrays of nested lists and tuples; what else they hold is left out."""
    if isinstance(value, (list, tuple)):
        return [array for one in value for array in arrays_in(one)]
    return [value] if isinstance(value, np.ndarray) else []


def shape_of(argument):
    """An argument in a word: the shape of an array, the shapes in a tuple, a type."""
    if isinstance(argument, (tuple, list)):
        return f"({', '.join(map(shape_of, argument))})"
    return str(getattr(argument, "shape", type(argument).__name__))


def place_of(error):
    """An error and the learner's line it came from: `at line 3, …: TypeError: …`."""
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] in REFUSED:
        refuse("import", [error.name])
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    own = [at for at in lines if is_own(at[0])]
    text = str(error).strip() or type(error).__name__
    inside = re.search(r'File "[^"]*", line (\d+)', text)  # Numba's errors say where, far down
    at = f", line {inside[1]}" if inside else ""
    telling = [line for line in text.splitlines() if line and "Failed in nopython" not in line]
    said = f"{type(error).__name__}: {telling[0]}{at}"
    if not own:
        return said
    code = linecache.getline(*own[-1]).strip()[:SHOWN]
    return ("at_line", {"line": own[-1][1], "code": code, "error": said})


def pair(value, function, expected, size=2):
    """The first of a tuple of `size`, and the second or all the rest."""
    if value is None:
        raise Trouble("returns_nothing", function=function, expected=expected)
    if not isinstance(value, (tuple, list)) or len(value) != size:
        raise Trouble("returns_other", function=function, expected=expected)
    first, *others = value
    return first, others[0] if size == 2 else others


def returned(function):
    return ("result_of", {"function": function})


def as_array(value, about):
    if value is None:
        raise Trouble("nothing_yet", about=about)
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        key = "ragged" if isinstance(value, (list, tuple)) else "no_array"
        raise Trouble(key, about=about, type=type(value).__name__) from None


def as_json(value):
    """The value as JSON's kinds; an array says its shape and type before its numbers."""
    if isinstance(value, np.ndarray):
        return {"shape": value.shape, "dtype": value.dtype.str, "numbers": value.ravel().tolist()}
    if isinstance(value, dict):
        return {"dict": {key: as_json(one) for key, one in value.items()}}
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    return value


def from_json(value):
    """What as_json was given; tuples have become lists."""
    if isinstance(value, list):
        return [from_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {key: from_json(one) for key, one in value["dict"].items()}
    return np.array(value["numbers"], value["dtype"]).reshape(value["shape"])


def refuse(event, arguments):
    """An audit hook: a plain word on what a solution has no need of. What holds is sandbox.py."""
    if event == "import" and arguments[0].split(".")[0] in REFUSED:
        raise Trouble("imports_other", name=arguments[0])
    if event == "open" and "tinyrec" in str(arguments[0]).replace("\\", "/").split("/"):
        raise Trouble("reads_tinyrec")
    if event.startswith(("subprocess.", "os.exec", "os.fork", "os.system", "os.posix_spawn",
                         "os.kill", "socket.")):  # fmt: skip
        raise Trouble("starts_programs")


def load(path):
    """The learner's file as a module, loaded as an import would."""
    source = Path(path).read_text("utf-8")
    module = ModuleType("solution")
    module.__file__ = str(path)
    sys.modules["solution"] = module
    linecache.cache[str(path)] = (len(source), None, source.splitlines(keepends=True), str(path))
    try:
        exec(compiled(source, str(path)), vars(module))
    except SyntaxError as error:
        text = (error.text or "").strip()[:SHOWN]
        raise Trouble("syntax", line=error.lineno or 1, code=text, error=error.msg) from None
    except (Trouble, SystemExit):
        raise
    except EOFError:
        raise Trouble("waits_for_input") from None
    except Exception as error:
        raise Trouble("file_stops", error=place_of(error)) from None
    return module


def compiled(source, path):
    """The source as code; tabs among blanks, which Python refuses, count as eight, or as four."""
    try:
        return compile(source, path, "exec")
    except TabError:
        try:
            return compile(source.expandtabs(8), path, "exec")
        except SyntaxError:
            return compile(source.expandtabs(4), path, "exec")


class Idle(ModuleType):
    """Stands for what has no effect here: whatever is asked of it, it gives back itself."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **settings):
        return self

    def __iter__(self):
        return iter((self, self))

    def __repr__(self):
        return "nothing"


def settle(folder):
    """What a learner's file finds around it, and what it does not."""
    sys.argv = [str(folder / "solution.py")]
    builtins.exit = builtins.quit = sys.exit
    sys.path[0] = str(folder)  # where the examiner was
    sys.addaudithook(refuse)
    sys.modules |= dict.fromkeys(REFUSED)  # None: no way of importing finds them
    idle = Idle("idle")  # an own check at a file's end, pictures, a notebook's magic
    sys.modules |= dict.fromkeys(IDLE, idle)
    builtins.get_ipython = os.chdir = idle


def answer_request(request, path):
    """The Reply to a request about the file at path."""
    try:
        module = load(path)
        missing = [name for name in request["functions"] if not hasattr(module, name)]
        if missing:
            raise Trouble("defines_no", name=missing[0])
        functions = {name: getattr(module, name) for name in request["functions"]}
        return reply_of(request["kind"], functions, request["cases"])
    except Trouble as trouble:
        return Reply([], trouble.said)
    except SystemExit:
        return Reply([], ("ends_program", {}))


def main(folder, shut):
    """Answer one request about FOLDER/solution.py; shut() closes the doors before it is loaded."""
    request = from_json(json.load(sys.stdin))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as way_out, open(os.devnull, "w") as lost:
        os.dup2(2, 1)  # what is printed from here on is no reply
        sys.stderr = lost
        shut()
        settle(folder)
        json.dump(as_json(answer_request(request, folder / "solution.py")), way_out)
