"""Adam (Kingma & Ba, 2015, algorithm 1): the article's optimizer="adam"."""

import numpy as np


def update(theta, g, m, v, constants):
    """One parameter's step, in place; rate and v_scale have the bias corrections in them."""
    rate, beta1, beta2, v_scale, eps = constants
    m[...] = beta1 * m + (1 - beta1) * g  # (14)
    v[...] = beta2 * v + (1 - beta2) * g**2  # (15)
    theta -= rate * m / (np.sqrt(v_scale * v) + eps)  # (16)


class Adam:
    """Updates params, a dict of arrays, in place; grads is a dict with the same names.

    m and v are running means of the gradient and of its square. Both start at zero and are
    divided by what that start costs them. lr may be set anew between two steps.
    """

    update = staticmethod(update)

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params, self.lr, self.beta1, self.beta2, self.eps = params, lr, beta1, beta2, eps
        self.m = {name: np.zeros_like(value) for name, value in params.items()}
        self.v = {name: np.zeros_like(value) for name, value in params.items()}
        self.steps = 0

    def step(self, grads):
        """One step against the gradient."""
        self.steps += 1
        for name, theta in self.params.items():
            self.update(theta, grads[name], self.m[name], self.v[name], self.constants())

    def constants(self):
        """What (14)–(16) need to know of the present step, see update."""
        rate = self.lr / (1 - self.beta1**self.steps)
        v_scale = 1 / (1 - self.beta2**self.steps)
        return rate, self.beta1, self.beta2, v_scale, self.eps
