"""A task's head: its gradients are those of what it computes."""

import numpy as np
import pytest

from tinyrec.model import heads
from tinyrec.train import gradcheck


@pytest.mark.parametrize("leading", [(5,), (2, 3)])
def test_every_gradient_of_a_head_is_within_tolerance(leading):
    rng = np.random.default_rng(0)
    arguments = {"u": rng.normal(size=(*leading, 4)), "e": rng.normal(size=(*leading, 4)),
                 "W": rng.normal(size=(4, 4)), "b": rng.normal(size=())}  # fmt: skip
    errors = dict(gradcheck.check_layer(heads, ("u", "e"), arguments, rng))
    assert set(errors) == {"u", "e", "W", "b"}
    assert max(errors.values()) <= gradcheck.TOLERANCE


@pytest.mark.parametrize("loss", [heads.yes_or_no, heads.how_much])
def test_a_losss_gradient_is_within_tolerance(loss):
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=7), rng.integers(0, 2, 7).astype(float)
    numeric = gradcheck.numerical(lambda: loss(z, y)[0], z)
    assert gradcheck.error(loss(z, y)[1], numeric) <= gradcheck.TOLERANCE


def test_with_the_identity_a_head_is_the_scorers_product():
    rng = np.random.default_rng(0)
    u, e = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    z, _ = heads.forward(u, e, np.eye(4), 0.5)
    assert z == pytest.approx([a @ b + 0.5 for a, b in zip(u, e, strict=True)])
