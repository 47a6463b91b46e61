"""Files that are damaged, crafted or in the way, and what has been told to stop: nothing is lost,
nothing written out of bounds, and one line says what is wrong.
"""

import numpy as np
import pytest

from tinyrec import fast

pytestmark = pytest.mark.faults

# Compiled code checks no bounds: before it runs, shapes are compared

f4 = np.float32
T, D, H, K, N = 3, 4, 8, 2, 5
x, h, ones = np.ones((2, T, D), f4), np.ones((2, T, H), f4), np.ones
items = np.zeros((2, T), int)


def layers():
    """Each compiled layer as (function, arguments that fit)."""
    weights = ones((D, 4 * H), f4), ones((H, 4 * H), f4), ones(4 * H, f4)
    square = ones((H, H), f4)
    interest = ones((2 * H, D), f4), ones(D, f4), ones(D, f4)
    table, logits = ones((N, D), f4), (ones((2, T), f4), ones((2, T, K), f4))
    yield fast.lstm.forward, (x, *weights)
    yield fast.lstm.backward, (h, fast.lstm.forward(x, *weights)[1])
    yield fast.interest.forward, (h, h, x, *interest)
    yield fast.interest.backward, (x, fast.interest.forward(h, h, x, *interest)[1])
    yield fast.attention.backward, (h, fast.attention.forward(h, square, square)[1])
    yield fast.scorer.forward, (x, table, ones(N, f4), items, items[:, :K])
    yield fast.loss.forward, (*logits, np.array([T, 1]), 1.0)
    yield fast.adam.update, (*(ones((N, D), f4) for _ in range(4)), (0.1, 0.9, 0.99, 1.0, 1e-8))


# another number of users or of negatives is another task, and no fault
FREE = {("larger", fast.lstm.forward, 0), ("longer", fast.scorer.forward, 4),
        ("longer", fast.loss.forward, 1)}  # fmt: skip
CHANGES = {
    "longer": lambda array: np.concatenate([array, array[..., -1:]], axis=-1),
    "larger": lambda array: np.concatenate([array, array[-1:]]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_compiled_layer_refuses_every_argument_of_another_shape(change):
    for function, arguments in layers():
        function(*arguments)
        for at, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray) and (change, function, at) not in FREE:
                wrong = list(arguments)
                wrong[at] = CHANGES[change](argument)
                with pytest.raises((ValueError, IndexError)):
                    function(*wrong)


def test_a_compiled_layer_refuses_an_item_that_is_not_in_the_table():
    for item in (-1, N):
        with pytest.raises(IndexError):
            fast.scorer.forward(x, ones((N, D), f4), ones(N, f4), items + item, items[:, :K])
    with pytest.raises(IndexError):
        fast.loss.forward(ones((2, T), f4), ones((2, T, K), f4), np.array([T + 1, 1]), 1.0)
