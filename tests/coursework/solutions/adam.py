"""Adam with numbers in place of running arrays."""


class Adam:
    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.p, self.a, self.n = params, (lr, beta1, beta2, eps), 0
        self.mv = {k: [0 * v, 0 * v] for k, v in params.items()}

    def step(self, grads):
        lr, b1, b2, eps = self.a
        self.n += 1
        for k, g in grads.items():
            m, v = self.mv[k]
            m, v = m + (1 - b1) * (g - m), v + (1 - b2) * (g * g - v)
            self.mv[k] = [m, v]
            self.p[k] -= lr * m / (1 - b1**self.n) / ((v / (1 - b2**self.n)) ** 0.5 + eps)
