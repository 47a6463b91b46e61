"""Is every backward pass the derivative of its forward pass? Nudge each number and see.

Small sizes, float64: B users, T steps, N items, M kinds, D and H wide, K negatives,
F numbers known of an item, R of an event.
"""

from typing import NamedTuple

import numpy as np

from ..model import content, network

TOLERANCE = 1e-7
B, N, M, D, H, K, F, R = 2, 7, 3, 4, 3, 5, 6, 2


class Line(NamedTuple):
    layer: str
    name: str  # of the parameter or the input
    steps: int  # T
    error: float

    @property
    def wrong(self):
        return not self.error <= TOLERANCE


def numerical(f, array, h=1e-5):
    """The gradient of f() in array by central differences, (f(a + h) − f(a − h)) / 2h.

    f takes no argument: it reads `array`, whose entries are nudged in place and put back.
    """
    gradient = np.zeros_like(array)
    for entry in np.ndindex(array.shape):
        kept = array[entry]
        array[entry] = kept + h
        above = f()
        array[entry] = kept - h
        below = f()
        array[entry] = kept
        gradient[entry] = (above - below) / (2 * h)
    return gradient


def error(analytic, numeric):
    """max|a − n| / max(1e−8, max|a| + max|n|): relative to the array's largest entries."""
    if np.shape(analytic) != numeric.shape or not np.isfinite(analytic).all():
        return np.inf
    scale = np.abs(analytic).max() + np.abs(numeric).max()
    return float(np.abs(analytic - numeric).max() / max(1e-8, scale))


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


INPUTS = {  # what has a gradient and is no parameter
    "x": "B T D", "h": "B T H", "long": "B T H", "u": "B T D",
    "z_positive": "B T", "z_negative": "B T K",
}  # fmt: skip
ARGUMENTS = {
    "content": "E bias C P w w0 own",
    "embedding": "items kinds numbers E A F",
    "dropout": "x kept scale",
    "lstm": "x W U b",
    "attention": "h Wq Wk",
    "interest": "long h x Wu bu fade",
    "scorer": "u E bias positives negatives",
    "loss": "z_positive z_negative lengths beta",
}


def layer_cases(rng, T):
    """What each layer is called with: {layer: (names of its inputs, all its arguments)}."""
    sizes = {"B": B, "T": T, "N": N, "M": M, "D": D, "H": H, "K": K, "F": F, "R": R, "1": 1}
    known = network.PARAMETERS | content.PARAMETERS | INPUTS
    shapes = {name: network.shape(text, **sizes) for name, text in known.items()}
    drawn = drawn_choices(rng, T) | {
        "kept": rng.random((B, T, D)) < 0.5, "scale": 2.0, "beta": 0.4,
        "C": rng.normal(size=(N, F)), "own": rng.random(N) < 0.7,
    }  # fmt: skip
    cases = {}
    for layer, names in ARGUMENTS.items():
        arguments = {name: drawn[name] if name in drawn else rng.normal(size=shapes[name])
                     for name in names.split()}  # fmt: skip
        cases[layer] = tuple(name for name in arguments if name in INPUTS), arguments
    return cases


def drawn_choices(rng, T):
    """What a block holds: which items, which kinds, how many real steps, events' numbers."""
    return {
        "items": rng.integers(0, N, (B, T)),
        "kinds": rng.integers(0, M, (B, T)),
        "positives": rng.integers(0, N, (B, T)),
        "negatives": rng.integers(0, N, (B, K)),
        "lengths": np.array([T, max(1, T - 2)]),
        "numbers": rng.normal(size=(B, T, R)),
    }


def check_layer(layer, inputs, arguments, rng):
    """Yields (name, error) for every input and parameter of one layer.

    The outputs are summed up with random weights, so that there is one number to differentiate.
    """
    outputs, cache = layer.forward(*arguments.values())
    weights = tuple(rng.normal(size=np.shape(output)) for output in as_tuple(outputs))
    d_outputs = weights if isinstance(outputs, tuple) else weights[0]
    d_inputs, grads = layer.backward(d_outputs, cache)
    analytic = dict(zip(inputs, as_tuple(d_inputs), strict=False)) | grads

    def weighted_sum():
        outputs, _ = layer.forward(*arguments.values())
        return sum(np.sum(w * o) for w, o in zip(weights, as_tuple(outputs), strict=True))

    for name, gradient in analytic.items():
        yield name, error(gradient, numerical(weighted_sum, arguments[name]))


def check_network(layers, rng, T):
    """Yields (name, error) for every parameter of the whole network, with dropout and loss."""
    params = network.initial(rng, N, M, D, H, np.float64, R)
    params = {name: rng.normal(0, 0.5, value.shape) for name, value in params.items()}
    block = network.Block(**drawn_choices(rng, T))
    kept = network.Kept(*(rng.random((B, T, width)) < 0.5 for width in (D, H, H)), scale=2.0)

    def loss():
        return network.forward(params, block, 0.4, layers, kept)[0]

    _, _, cache = network.forward(params, block, 0.4, layers, kept)
    for name, gradient in network.backward(cache).items():
        yield name, error(gradient, numerical(loss, params[name]))


def report(layers, seed=0):
    """Yields a Line for every input and parameter, layer by layer and for the whole network."""
    rng = np.random.default_rng(seed)
    for T in (1, 5):
        for name, (inputs, arguments) in layer_cases(rng, T).items():
            for array, difference in check_layer(getattr(layers, name), inputs, arguments, rng):
                yield Line(name, array, T, difference)
        for array, difference in check_network(layers, rng, T):
            yield Line("network", array, T, difference)
