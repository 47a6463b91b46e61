"""Calls a learner's functions. It stands alone: started as a script, it never sees tinyrec.

    python -I child.py FOLDER FILE

The folder's request (calls, as data) is read, FILE is loaded, and the reply is left there: what
the functions returned, again as data, or a sentence that says why they did not.
"""

import importlib.util
import io
import json
import re
import sys
from contextlib import contextmanager, redirect_stdout
from linecache import getline
from pathlib import Path
from traceback import walk_tb
from types import SimpleNamespace

import numpy as np

REFUSED = ("tinyrec", "torch", "tensorflow", "keras", "jax")
NUDGE = 1e-5  # of an entry, up and down, for a numerical gradient


class Trouble(Exception):
    """What a learner's function did that cannot be judged, in a sentence."""


def call_layer(functions, case):
    """forward, then backward twice: {"output", "d_input", and each parameter's gradient}.

    And "nudged …": the output for entries nudged up and down.
    """
    forward, backward = functions["forward"], functions["backward"]
    output, cache = pair(call(forward, case["arguments"]), "forward", "(output, cache)")
    found = named("output", output, "forward's output")
    try:
        for again in ("", "again "):
            answer = call(backward, [case["d_output"], cache])
            d_input, grads = pair(answer, "backward", "(d_input, grads)")
            if not isinstance(grads, dict):
                raise Trouble("`backward` has to return its gradients as a dict by name")
            found |= named(again + "d_input", d_input, "backward's first result")
            for name, gradient in grads.items():
                found[again + str(name)] = as_array(gradient, f"the gradient of {name}")
    except Trouble as trouble:
        found["trouble"] = str(trouble)
    for name, index in case["nudge"].items():
        found["nudged " + name] = nudged(forward, case["arguments"], index)
    return found


def call_variant(functions, case):
    """As call_layer; and the output for other arguments."""
    found = call_layer(functions, case)
    for name, arguments in case["also"].items():
        output = output_of(functions["forward"], arguments)
        found[name] = as_array(output, "forward's output")
    return found


def output_of(forward, arguments):
    output, _ = pair(call(forward, arguments), "forward", "(output, cache)")
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
    parts = value if isinstance(value, (tuple, list)) else [value]
    return np.concatenate([as_array(part, "forward's output").ravel() for part in parts])


def named(name, value, about):
    """{name: array}, or {name, name 2, …} where a layer has several."""
    if not isinstance(value, tuple):
        return {name: as_array(value, about)}
    names = [name, *(f"{name} {number}" for number in range(2, len(value) + 1))]
    return {key: as_array(part, about) for key, part in zip(names, value, strict=True)}


def call_step(functions, case):
    """One LSTM step: {"h", "c", "i", "f", "g", "o"}."""
    h, rest = pair(call(functions["step"], case["arguments"]), "step", "h, c, (i, f, g, o)", 3)
    c, gates = rest
    i, others = pair(gates, "step", "h, c, (i, f, g, o)", 4)
    values = zip("hcifgo", (h, c, i, *others), strict=True)
    return {name: as_array(value, name) for name, value in values}


def call_adam(functions, case):
    """Steps with given gradients: {"one step", "all steps"}, of parameters changed in place."""
    params = {"theta": case["theta"].copy()}
    held = params["theta"]
    adam = call(functions["Adam"], [params], case["settings"])
    found = {}
    for number, gradient in enumerate(case["grads"]):
        call(adam.step, [{"theta": gradient}])
        if number == 0:
            found["one step"] = held.copy()
    found["all steps"] = held.copy()
    if params["theta"] is not held:
        raise Trouble("`step` has to change the arrays in place; yours puts new ones into params")
    return found


def call_metrics(functions, case):
    """Ranks, and what they are worth at k: {"ranks", "hr", "ndcg", …}."""
    found = {"ranks": as_array(call(functions["ranks"], case["arguments"]), "ranks")}
    table = call(functions["at_k"], [case["ranks"], case["k"]])
    if not isinstance(table, dict):
        raise Trouble('`at_k` has to return a dict such as {"hr@10": …, "ndcg@10": …, "mrr": …}')
    return found | {key.split("@")[0]: as_array(value, key) for key, value in table.items()}


def call_forward(functions, case):
    """forward alone: {"output"}."""
    output = output_of(functions["forward"], case["arguments"])
    return {"output": as_array(output, "forward's output")}


def call_cleaning(functions, case):
    """The cleaned logs, by name."""
    return {name: as_array(call(functions["clean"], [log, case["most"]]), "the cleaned log")
            for name, log in case["logs"].items()}  # fmt: skip


def call_sequences(functions, case):
    """{"train", "valid", "test", "windows", "pad"}; in which order windows come is free."""
    log, spans = SimpleNamespace(**case["log"]), case["spans"]
    found = {}
    with keeping_trouble(found):
        train, rest = pair(call(functions["leave_one_out"], [log]), "leave_one_out",
                           "train, valid, test", 3)  # fmt: skip
        splits = zip(("train", "valid", "test"), (train, *rest), strict=True)
        found |= {name: as_array(part, name) for name, part in splits}
    with keeping_trouble(found):
        windows = as_array(call(functions["windows"], [spans, case["longest"]]), "windows")
        found["windows"] = np.array(sorted(windows.tolist()))
    with keeping_trouble(found):
        found["pad"] = as_array(call(functions["pad"], [log.items, spans]), "pad")
    return found


def call_gradcheck(functions, case):
    """{"numerical", "put back", "error", "broken"}; f bends, so that h matters."""
    array, matrix = case["array"].copy(), case["matrix"]
    found = {}

    def f():
        return float(np.sin(matrix @ array.ravel()).sum())

    def numerical():
        return functions["numerical"](f, array)

    with keeping_trouble(found):
        found["numerical"] = as_array(call(numerical, []), "the numerical gradient")
        found["put back"] = np.asarray(array - case["array"])
    for name, pairs in (("error", case["pairs"]), ("broken", case["broken"])):
        with keeping_trouble(found):
            errors = [call(functions["error"], list(both)) for both in pairs]
            found[name] = as_array(errors, "error's result")
    return found


def call_recurrence(functions, case):
    """{"output", and "compiled" if it is}."""
    walk = functions["walk"]
    found = {"output": as_array(call(walk, case["arguments"]), "walk's result")}
    if getattr(walk, "nopython_signatures", None) and "numba" in type(walk).__module__:
        found["compiled"] = np.array(1.0)
    else:
        found["trouble"] = "`walk` is not compiled: put Numba's @njit in the line above it"
    return found


@contextmanager
def keeping_trouble(found):
    """Trouble with one function leaves the others' answers alone."""
    try:
        yield
    except Trouble as trouble:
        found.setdefault("trouble", str(trouble))


KINDS = {
    "layer": call_layer, "variant": call_variant, "forward": call_forward, "step": call_step,
    "adam": call_adam, "metrics": call_metrics, "cleaning": call_cleaning,
    "sequences": call_sequences, "gradcheck": call_gradcheck, "recurrence": call_recurrence,
}  # fmt: skip


def call(function, arguments, settings=None):
    """The function's result, with its errors and what it does to its inputs as Trouble."""
    before = [copy(argument) for argument in arguments]
    try:
        with np.errstate(all="ignore"):
            result = function(*arguments, **(settings or {}))
    except NotImplementedError:
        raise Trouble(f"`{name_of(function)}` is still empty: that is where to begin") from None
    except Trouble:
        raise
    except Exception as error:
        raise Trouble(f"`{name_of(function)}` stops {where(error)}") from None
    pairs = zip(arguments, before, strict=True)
    changed = [a for a, b in pairs if isinstance(a, np.ndarray) and not unchanged(a, b)]
    if changed:
        raise Trouble(f"`{name_of(function)}` writes into its inputs: work on a copy")
    return result


def unchanged(a, b):
    return np.array_equal(a, b, equal_nan=True)


def copy(value):
    return value.copy() if isinstance(value, np.ndarray) else value


def name_of(function):
    return getattr(function, "__name__", "your function")


def where(error):
    """An error and the learner's line it came from, in a sentence."""
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] in REFUSED:
        refuse("import", [error.name])
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    own = [at for at in lines if at[0] != __file__ and "site-packages" not in at[0]]
    line = f"at line {own[-1][1]}, `{getline(*own[-1]).strip()}`: " if own else ""
    text = str(error).strip() or "no message"
    inside = re.search(r'File "[^"]*", line (\d+)', text)  # Numba's errors say where, far down
    at = f", line {inside[1]}" if inside else ""
    telling = [part for part in text.splitlines() if part and "Failed in nopython" not in part]
    return f"{line}{type(error).__name__}: {telling[0]}{at}"


def pair(value, function, due, size=2):
    """The first of a tuple of `size`, and the second or all the rest."""
    if value is None:
        raise Trouble(f"`{function}` returns nothing yet: {due} is due")
    if not isinstance(value, (tuple, list)) or len(value) != size:
        raise Trouble(f"`{function}` has to return {due}")
    first, *rest = value
    return first, rest[0] if size == 2 else rest


def as_array(value, name):
    if value is None:
        raise Trouble(f"{name} is nothing yet: the function has no return")
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        raise Trouble(f"{name} is no array of numbers but {type(value).__name__}") from None


def answer(kind, functions, cases):
    """{"found": one dict of arrays a case} or {"trouble": a sentence}."""
    try:
        return {"found": [KINDS[kind](functions, case) for case in cases]}
    except Trouble as trouble:
        return {"trouble": str(trouble)}


def pack(value, arrays):
    """value with its arrays moved to the dict `arrays`, so that the rest is JSON."""
    if isinstance(value, np.ndarray):
        arrays[f"a{len(arrays)}"] = value
        return {"array": f"a{len(arrays) - 1}"}
    if isinstance(value, dict):
        return {"dict": {key: pack(part, arrays) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        return [pack(part, arrays) for part in value]
    return value


def unpack(value, arrays):
    if isinstance(value, list):
        return [unpack(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {key: unpack(part, arrays) for key, part in value["dict"].items()}


def write(folder, name, value):
    arrays = {}
    text = json.dumps(pack(value, arrays))
    np.savez(Path(folder) / f"{name}.npz", **arrays)
    (Path(folder) / f"{name}.json").write_text(text, "utf-8")


def read(folder, name):
    with np.load(Path(folder) / f"{name}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    return unpack(json.loads((Path(folder) / f"{name}.json").read_text("utf-8")), arrays)


def refuse(event, arguments):
    """An audit hook: what a solution has no need of. It cannot be taken off again."""
    package = str(Path(__file__).parents[1])
    if event == "import" and arguments[0].split(".")[0] in REFUSED:
        raise Trouble(f"the exercise is to write it yourself: {arguments[0]} may not be imported")
    if event == "open" and str(arguments[0]).startswith(package):
        raise Trouble("the exercise is to write it yourself: tinyrec's files may not be read")
    if event.startswith(("subprocess.", "os.exec", "os.system", "os.posix_spawn", "socket.")):
        raise Trouble("a solution starts no programs and opens no connections")


def load(path):
    """The learner's file as a module."""
    spec = importlib.util.spec_from_file_location("solution", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        text = (error.text or "").strip()
        raise Trouble(f"line {error.lineno}, `{text}`: {error.msg}") from None
    except (Trouble, SystemExit):
        raise
    except Exception as error:
        raise Trouble(f"the file stops {where(error)}") from None
    return module


def main(folder, path):
    request = read(folder, "request")
    sys.addaudithook(refuse)
    sys.modules |= dict.fromkeys(REFUSED)  # None: no way of importing finds them
    try:
        module = load(path)
        missing = [name for name in request["functions"] if not hasattr(module, name)]
        if missing:
            raise Trouble(f"the file defines no `{missing[0]}`")
        functions = {name: getattr(module, name) for name in request["functions"]}
        reply = answer(request["kind"], functions, request["cases"])
    except Trouble as trouble:
        reply = {"trouble": str(trouble)}
    except SystemExit:
        reply = {"trouble": "the file ends the program: leave out exit()"}
    write(folder, "reply", reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
