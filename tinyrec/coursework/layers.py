"""What is asked in the exercises about layers, and the mistakes that are usual in them.

A mistake is an edit of the reference: the wrong implementation is the reference's source with
`old` replaced by `new`. Its sentence is shown to whoever gets exactly its numbers.
"""

import numpy as np

from ..model import attention, loss, lstm, scorer
from ..train import adam
from .exercise import BOTH, T_D, T_H, Exercise, Mistake, Part


def lstm_arguments(rng, leading, T):
    """x, W, U, b so small that no gate is quite open or shut: its gradient would be lost."""
    D, H = (int(n) for n in rng.permutation([2, 3, 4, 5])[:2])  # never alike: T, D and H differ
    W, U = rng.normal(size=(D, 4 * H)) / np.sqrt(D), rng.normal(size=(H, 4 * H)) / np.sqrt(H)
    return [rng.normal(size=(*leading, T, D)), W, U, rng.normal(size=4 * H) / 2]


def lstm_cases(rng):
    """Batches and one user, several steps and one, without a state before and with."""
    cases, nudge = [], {"d_input": 0, "W": 1, "U": 2, "b": 3}
    for leading, T, with_state in (((2,), 7, False), ((), 1, True), ((3,), 6, True)):
        arguments = lstm_arguments(rng, leading, T)
        H = arguments[2].shape[0]
        if with_state:
            arguments.append(tuple(rng.normal(size=(2, *leading, H))))
        d_output = rng.normal(size=(*leading, T, H))
        cases.append({"arguments": arguments, "d_output": d_output, "nudge": nudge})
    return cases


def step_cases(rng):
    return [{"arguments": [rng.normal(size=(*leading, 4 * H)), rng.normal(size=(*leading, H))]}
            for leading, H in (((), 3), ((2,), 5))]  # fmt: skip


def attention_cases(rng):
    cases, nudge = [], {"d_input": 0, "Wq": 1, "Wk": 2}
    for leading, T in (((), 1), ((), 6), ((2,), 7)):
        H = int(rng.integers(3, 6))
        h, Wq, Wk = (rng.normal(size=shape) for shape in ((*leading, T, H), (H, H), (H, H)))
        d_output = rng.normal(size=h.shape)
        cases.append({"arguments": [h, Wq, Wk], "d_output": d_output, "nudge": nudge})
    return cases


def scorer_cases(rng):
    """Items that occur more than once, among the next ones and among the negatives."""
    cases, nudge = [], {"d_input": 0, "E": 1, "bias": 2}
    for leading, T, K in (((), 1, 2), ((2,), 6, 5)):
        N, D = 7, 3
        u, E, bias = (rng.normal(size=shape) for shape in ((*leading, T, D), (N, D), N))
        items = rng.integers(0, N, (*leading, T)), rng.integers(0, N, (*leading, K))
        d_output = rng.normal(size=(*leading, T)), rng.normal(size=(*leading, T, K))
        arguments = [u, E, bias, *items]
        cases.append({"arguments": arguments, "d_output": d_output, "nudge": nudge})
    return cases


def loss_cases(rng):
    """Histories that are padded, and one that is not."""
    cases, nudge = [], {"d_input": 0, "d_input 2": 1}
    for leading, T, K, lengths in (((), 3, 4, 3), ((2,), 6, 5, [6, 2])):
        z = [rng.normal(size=(*leading, T)) * 2, rng.normal(size=(*leading, T, K)) * 2]
        beta = float(rng.uniform(0.2, 0.8))
        arguments = [*z, np.array(lengths), beta]
        cases.append({"arguments": arguments, "d_output": 1.0, "nudge": nudge})
    return cases


def adam_cases(rng):
    """Gradients of changing size and sign; also with settings that are not the usual ones."""
    cases = []
    for settings in ({}, {"lr": 0.05, "beta1": 0.7, "beta2": 0.95, "eps": 1e-2}):
        shape = tuple(int(n) for n in rng.integers(2, 5, 2))
        grads = [rng.normal(size=shape) * size for size in (1.0, 0.1, 3.0, 0.5, 1.0)]
        cases.append({"theta": rng.normal(size=shape), "grads": grads, "settings": settings})
    return cases


GATE_MISTAKES = (
    Mistake(2, "your input gate is tanh: gates are shares between 0 and 1, so σ, in (2)",
            "i = sigmoid(i)", "i = np.tanh(i)"),
    Mistake(3, "your forget gate is tanh: gates are shares between 0 and 1, so σ, in (3)",
            "f = sigmoid(f)", "f = np.tanh(f)"),
    Mistake(4, "your candidate g is σ: it must be able to be negative, so tanh, in (4)",
            "g = np.tanh(g)", "g = sigmoid(g)"),
    Mistake(5, "your output gate is tanh: gates are shares between 0 and 1, so σ, in (5)",
            "o = sigmoid(o)", "o = np.tanh(o)"),
    Mistake(2, "your gates stand in the order f, i, g, o: it is i, f, g, o, in (2) and (3)",
            "i, f, g, o = np.split(z, 4", "f, i, g, o = np.split(z, 4"),
    Mistake(4, "your gates stand in the order i, f, o, g: it is i, f, g, o, in (4) and (5)",
            "i, f, g, o = np.split(z, 4", "i, f, o, g = np.split(z, 4"),
    Mistake(5, "your gates stand in the order i, o, g, f: it is i, f, g, o, in (3) and (5)",
            "i, f, g, o = np.split(z, 4", "i, o, g, f = np.split(z, 4"),
    Mistake(6, "your c_t adds g_t without the input gate: look at (6)",
            "c = f * c_prev + i * g", "c = f * c_prev + g"),
    Mistake(6, "your c_t keeps all of c_{t−1}: the forget gate is missing in (6)",
            "c = f * c_prev + i * g", "c = c_prev + i * g"),
    Mistake(6, "your c_t forgets what was before: f_t ⊙ c_{t−1} is missing in (6)",
            "c = f * c_prev + i * g", "c = i * g"),
    Mistake(6, "your c_t subtracts i_t ⊙ g_t: (6) adds it",
            "c = f * c_prev + i * g", "c = f * c_prev - i * g"),
    Mistake(7, "your h_t shows c_t itself: tanh(c_t) is due in (7)",
            "h = o * np.tanh(c)", "h = o * c"),
    Mistake(7, "your h_t leaves out the output gate: look at (7)",
            "h = o * np.tanh(c)", "h = np.tanh(c)"),
    Mistake(7, "your h_t takes σ(c_t): tanh(c_t) is due in (7)",
            "h = o * np.tanh(c)", "h = o * sigmoid(c)"),
    Mistake(7, "your h_t is made of c_{t−1}: (7) shows the memory after (6)",
            "h = o * np.tanh(c)", "h = o * np.tanh(c_prev)"),
)  # fmt: skip

STEP_MISTAKES = (
    *GATE_MISTAKES,
    Mistake(6, "input and forget gate have changed places in your (6)",
            "c = f * c_prev + i * g", "c = i * c_prev + f * g"),
)  # fmt: skip

FORWARD_MISTAKES = (
    *GATE_MISTAKES,
    Mistake(2, "the bias b is missing in your gates: look at (2) to (5)",
            "z = x @ W + b", "z = x @ W"),
    Mistake(2, "h_{t−1} U is missing in your gates: look at (2) to (5)",
            "z[..., t, :] + h_prev @ U", "z[..., t, :]"),
    Mistake(2, "your gates take c_{t−1} in place of h_{t−1}: look at (2) to (5)",
            "z[..., t, :] + h_prev @ U", "z[..., t, :] + c_prev @ U"),
    Mistake(7, "you start from zeros although a state (h0, c0) is given",
            "h0, c0 = state or", "h0, c0 ="),
    Mistake(6, "you start from c0 = 0 although a state (h0, c0) is given",
            "h_prev, c_prev = h0, c0", "h_prev, c_prev = h0, 0 * c0"),
    Mistake(7, "your h_{t−1} stays what it was before the first step",
            "h_prev, c_prev, gates_t = step", "_, c_prev, gates_t = step"),
)  # fmt: skip

LSTM_MISTAKES = (
    *FORWARD_MISTAKES,
    Mistake(2, "∂h of the next step does not come back through U in your loop: ∂(2) to ∂(5)",
            "dh_t = dh[..., t, :] + dh_next", "dh_t = dh[..., t, :]"),
    Mistake(6, "∂c of the next step is lost or overwritten: ∂c_{t−1} = ∂c_t ⊙ f_t, ∂(6)",
            "dc_prev = dc * f  #", "dc_prev = 0 * dc  #"),
    Mistake(6, "your ∂c_{t−1} lacks the factor f_t: look at ∂(6)",
            "dc_prev = dc * f  #", "dc_prev = dc  #"),
    Mistake(7, "your ∂c_t lacks tanh' = 1 − tanh²(c_t): look at ∂(7)",
            "dc = dc + dh * o * (1 - tanh_c**2)", "dc = dc + dh * o"),
    Mistake(7, "your ∂c_t lacks the output gate: look at ∂(7)",
            "dc = dc + dh * o * (1 - tanh_c**2)", "dc = dc + dh * (1 - tanh_c**2)"),
    Mistake(7, "your ∂o_t takes c_t in place of tanh(c_t): look at ∂(7)",
            "do = dh * tanh_c", "do = dh * c"),
    Mistake(6, "your ∂f_t takes c_t: (6) multiplies f_t with c_{t−1}, so ∂(6) does",
            "df = dc * c_prev", "df = dc * c"),
    Mistake(6, "∂i and ∂g have changed places in your ∂(6)",
            "di = dc * g  # ∂(6)", "di = dc * i  # ∂(6)"),
    Mistake(2, "σ' = i (1 − i) is missing at the input gate: look at ∂(2)",
            "di = di * i * (1 - i)", "di = di"),
    Mistake(3, "σ' = f (1 − f) is missing at the forget gate: look at ∂(3)",
            "df = df * f * (1 - f)", "df = df"),
    Mistake(4, "tanh' = 1 − g² is missing at the candidate: look at ∂(4)",
            "dg = dg * (1 - g**2)", "dg = dg"),
    Mistake(4, "your candidate's derivative is σ's, g (1 − g): it is tanh's, 1 − g², in ∂(4)",
            "dg = dg * (1 - g**2)", "dg = dg * g * (1 - g)"),
    Mistake(5, "σ' = o (1 − o) is missing at the output gate: look at ∂(5)",
            "do = do * o * (1 - o)", "do = do"),
    Mistake(2, "your dU multiplies with h_t: the gates read h_{t−1}, so dU = Σ h_{t−1}ᵀ dz_t",
            "dU = weight_gradient(h_before, dz)", "dU = weight_gradient(h, dz)"),
    Mistake(2, "your db is a mean: the bias is used in every row, so db is the sum of dz",
            "db = bias_gradient(dz)", "db = bias_gradient(dz) / dz[..., 0].size"),
    Mistake(2, "your dW has the wrong sign: it is +Σ x_tᵀ dz_t",
            "dW = weight_gradient(x, dz)", "dW = -weight_gradient(x, dz)"),
)  # fmt: skip

ATTENTION_MISTAKES = (
    Mistake(9, "the scores are not divided by √H: look at (9)",
            "q @ transpose(k) / sqrt(q.shape[-1])", "q @ transpose(k)"),
    Mistake(9, "the scores are divided by H: (9) says √H",
            "q @ transpose(k) / sqrt(q.shape[-1])", "q @ transpose(k) / q.shape[-1]"),
    Mistake(9, "the scores are divided by √T: (9) says √H, the width of a query",
            "q @ transpose(k) / sqrt(q.shape[-1])", "q @ transpose(k) / sqrt(T)"),
    Mistake(9, "a step looks into the future: the scores of s > t have to be −∞ in (9)",
            "np.where(future, -np.inf, scores)", "scores"),
    Mistake(9, "the mask is the wrong way round: a step looks at the past, s ≤ t, in (9)",
            "np.triu(np.ones((T, T), bool), 1)", "np.tril(np.ones((T, T), bool), -1)"),
    Mistake(9, "the future gets the score 0 and so some weight: it has to be −∞, in (9)",
            "np.where(future, -np.inf, scores)", "np.where(future, 0, scores)"),
    Mistake(9, "the softmax runs over the queries: each row t sums to one over s, in (9)",
            "w = softmax(np.where(future, -np.inf, scores))",
            "w = transpose(softmax(transpose(np.where(future, -np.inf, scores))))"),
    Mistake(9, "queries and keys have changed places: row t holds q_t · k_s, in (9)",
            "scores = q @ transpose(k)", "scores = k @ transpose(q)"),
    Mistake(10, "your sum is over the keys: the article sums the states h_s, in (10)",
            "long = w @ h", "long = w @ k"),
    Mistake(10, "your weights are transposed: long_t = Σ_s w_ts h_s, in (10)",
            "long = w @ h", "long = transpose(w) @ h"),
    Mistake(8, "your keys are made with W_q: k_t = h_t W_k, in (8)",
            "k = h @ Wk", "k = h @ Wq"),
    Mistake(8, "your queries use W_q transposed: q_t = h_t W_q, in (8)",
            "q = h @ Wq  #", "q = h @ Wq.T  #"),
    Mistake(9, "the softmax's gradient lacks − Σ w ∂w: all weights share one sum, ∂(9)",
            "dw - (dw * w).sum(axis=-1, keepdims=True)", "dw"),
    Mistake(9, "the softmax's gradient lacks the factor w: look at ∂(9)",
            "dscores = w * (dw", "dscores = (dw"),
    Mistake(9, "1/√H is missing on the way back: look at ∂(9)",
            "dscores = dscores / sqrt(q.shape[-1])", "dscores = dscores"),
    Mistake(10, "∂h lacks what comes through the sum, Σ_t w_ts ∂long_t: look at ∂(10)",
            "dh = dh + dq", "dh = dq"),
    Mistake(10, "∂h takes w where its transpose is due: h_s is read by all t ≥ s, ∂(10)",
            "dh = transpose(w) @ dlong", "dh = w @ dlong"),
    Mistake(8, "∂h lacks what comes through the queries: look at ∂(8)",
            "dh = dh + dq @ Wq.T + dk @ Wk.T", "dh = dh + dk @ Wk.T"),
    Mistake(8, "∂h lacks what comes through the keys: look at ∂(8)",
            "dh = dh + dq @ Wq.T + dk @ Wk.T", "dh = dh + dq @ Wq.T"),
    Mistake(9, "∂k takes ∂scores where its transpose is due: k_s is read by all t ≥ s, ∂(9)",
            "dk = transpose(dscores) @ q", "dk = dscores @ q"),
    Mistake(8, "the gradients of W_q and W_k have changed places: look at ∂(8)",
            '{"Wq": dWq, "Wk": dWk}', '{"Wq": dWk, "Wk": dWq}'),
    Mistake(8, "your dW_q is transposed: it is hᵀ ∂q, ∂(8)",
            "dWq = weight_gradient(h, dq)", "dWq = weight_gradient(dq, h)"),
)  # fmt: skip

SCORER_MISTAKES = (
    Mistake(12, "the bias of the next item is missing: look at (12)",
            " + bias[positives]", ""),
    Mistake(12, "the biases of the negatives are missing: look at (12)",
            " + bias[negatives][..., None, :]", ""),
    Mistake(12, "∂u lacks what the negatives send back: look at ∂(12)",
            " + dz_negative @ E[negatives]", ""),
    Mistake(12, "∂u lacks what the next item sends back: look at ∂(12)",
            "dz_positive[..., None] * E[positives] + ", ""),
    Mistake(12, "∂E counts only one of several rows of the same item: np.add.at adds them all",
            "np.add.at(dE, positives, dz_positive[..., None] * u)",
            "dE[positives] += dz_positive[..., None] * u"),
    Mistake(12, "∂E lacks the rows of the negatives: look at ∂(12)",
            "np.add.at(dE, negatives, transpose(dz_negative) @ u)", "pass"),
    Mistake(12, "∂E lacks the rows of the next items: look at ∂(12)",
            "np.add.at(dE, positives, dz_positive[..., None] * u)", "pass"),
    Mistake(12, "∂bias lacks the negatives: look at ∂(12)",
            "np.add.at(dbias, negatives, dz_negative.sum(axis=-2))", "pass"),
    Mistake(12, "∂bias lacks the next items: look at ∂(12)",
            "np.add.at(dbias, positives, dz_positive)", "pass"),
    Mistake(12, "∂bias takes the mean over the steps: each step adds its part, so it is the sum",
            "dz_negative.sum(axis=-2)", "dz_negative.mean(axis=-2)"),
)  # fmt: skip

LOSS_MISTAKES = (
    Mistake(13, "your β weighs the negatives: it belongs to the next item's term, in (13)",
            "beta * softplus(-z_positive) + softplus(z_negative).sum(axis=-1)",
            "softplus(-z_positive) + beta * softplus(z_negative).sum(axis=-1)"),
    Mistake(13, "β is missing: look at (13)",
            "beta * softplus(-z_positive)", "softplus(-z_positive)"),
    Mistake(13, "the next item is charged as a negative: its term is softplus(−z⁺), in (13)",
            "softplus(-z_positive)", "softplus(z_positive)"),
    Mistake(13, "the negatives are charged as if taken: their terms are softplus(z⁻), in (13)",
            "softplus(z_negative)", "softplus(-z_negative)"),
    Mistake(13, "padded rows are counted: they have weight zero, in (13)",
            "real = np.arange(T) < lengths[..., None]",
            "real = np.arange(T) < lengths[..., None] + T"),
    Mistake(13, "the sum is divided by all rows: (13) divides by the real ones",
            "rows = rows or lengths.sum()", "rows = z_positive.size"),
    Mistake(13, "the mean over the K + 1 candidates is missing: look at (13)",
            "int(rows * (K + 1))", "int(rows)"),
    Mistake(13, "the sum is divided by K: there are K + 1 candidates, in (13)",
            "int(rows * (K + 1))", "int(rows * K)"),
    Mistake(13, "the loss is not divided by the number of rows: (13) is a mean",
            "int(rows * (K + 1))", "(K + 1)"),
    Mistake(13, "∂z⁺ has the wrong sign: a higher logit of the next item lowers the loss, ∂(13)",
            "dz_positive = -weight", "dz_positive = weight"),
    Mistake(13, "β is missing on the way back: look at ∂(13)",
            "-weight * cache.beta * sigmoid", "-weight * sigmoid"),
    Mistake(13, "∂z⁺ takes σ(z⁺): it is −β σ(−z⁺), in ∂(13)",
            "sigmoid(-cache.z_positive)", "sigmoid(cache.z_positive)"),
    Mistake(13, "∂z⁻ takes σ(−z⁻): it is σ(z⁻), in ∂(13)",
            "sigmoid(cache.z_negative)", "sigmoid(-cache.z_negative)"),
)  # fmt: skip

ADAM_MISTAKES = (
    Mistake(16, "the bias corrections are missing: m and v start at zero, look at (16)",
            "self.lr / (1 - self.beta1**self.steps)\n"
            "        v_scale = 1 / (1 - self.beta2**self.steps)",
            "self.lr\n        v_scale = 1.0"),
    Mistake(16, "m is not corrected by 1 − β₁ⁿ: look at (16)",
            "self.lr / (1 - self.beta1**self.steps)", "self.lr"),
    Mistake(16, "v is not corrected by 1 − β₂ⁿ: look at (16)",
            "1 / (1 - self.beta2**self.steps)", "1.0"),
    Mistake(16, "the corrections always take the first step's 1 − β: count the steps, (16)",
            "self.steps += 1", "self.steps = 1"),
    Mistake(16, "the corrections count one step too many: n is 1 at the first step, (16)",
            "self.steps = 0", "self.steps = 1"),
    Mistake(16, "ε stands inside the root: (16) adds it to the root",
            "np.sqrt(v_scale * v) + eps", "np.sqrt(v_scale * v + eps)"),
    Mistake(16, "the root is missing: (16) divides by √v̂",
            "np.sqrt(v_scale * v) + eps", "v_scale * v + eps"),
    Mistake(16, "you go up the gradient: (16) subtracts the step",
            "theta -= rate", "theta += rate"),
    Mistake(15, "v is the mean of the gradient: (15) takes its square", "* g**2", "* g"),
    Mistake(14, "m is a sum in which g has the weight 1: it is 1 − β₁, in (14)",
            "m[...] = beta1 * m + (1 - beta1) * g", "m[...] = beta1 * m + g"),
    Mistake(15, "v is a sum in which g² has the weight 1: it is 1 − β₂, in (15)",
            "v[...] = beta2 * v + (1 - beta2) * g**2", "v[...] = beta2 * v + g**2"),
    Mistake(14, "m weighs old and new the wrong way round: β₁ m + (1 − β₁) g, in (14)",
            "beta1 * m + (1 - beta1) * g", "(1 - beta1) * m + beta1 * g"),
    Mistake(15, "v is forgotten with β₁: (15) takes β₂",
            "beta2 * v + (1 - beta2)", "beta1 * v + (1 - beta1)"),
    Mistake(14, "the step takes the gradient itself, not its mean m: look at (14) and (16)",
            "rate * m /", "rate * g /"),
    Mistake(15, "the step does not divide by √v̂: look at (15) and (16)",
            "rate * m / (np.sqrt(v_scale * v) + eps)", "rate * m"),
)  # fmt: skip

LAYERS = {
    "lstm_step": Exercise(
        "step", ("step",), lstm, step_cases,
        (Part("i", 2, 1, "the input gate"), Part("f", 3, 1, "the forget gate"),
         Part("g", 4, 1, "the candidate"), Part("o", 5, 1, "the output gate"),
         Part("c", 6, 2, "the memory"), Part("h", 7, 2, "the state")),
        STEP_MISTAKES, {}),
    "lstm_forward": Exercise(
        "forward", ("forward",), lstm, lstm_cases,
        (Part("output", 7, 6, "forward: h"),),
        FORWARD_MISTAKES, {"output": T_H}),
    "lstm": Exercise(
        "layer", BOTH, lstm, lstm_cases,
        (Part("output", 7, 6, "forward: h"), Part("d_input", 2, 4, "backward: dx"),
         Part("W", 2, 2, "backward: dW"), Part("U", 2, 2, "backward: dU"),
         Part("b", 2, 2, "backward: db")),
        LSTM_MISTAKES, {"output": T_H, "d_input": T_D, "W": ("D", "4H"), "U": ("H", "4H")},
        gates={"i": (2, 6), "f": (3, 6), "g": (4, 6), "o": (5, 7)}),
    "attention": Exercise(
        "layer", BOTH, attention, attention_cases,
        (Part("output", 10, 6, "forward: long"), Part("d_input", 10, 4, "backward: dh"),
         Part("Wq", 8, 2, "backward: dWq"), Part("Wk", 8, 2, "backward: dWk")),
        ATTENTION_MISTAKES, {"output": T_H, "d_input": T_H}),
    "scorer": Exercise(
        "layer", BOTH, scorer, scorer_cases,
        (Part("output", 12, 3, "forward: logits of the next items"),
         Part("output 2", 12, 3, "forward: logits of the negatives"),
         Part("d_input", 12, 3, "backward: du"), Part("E", 12, 3, "backward: dE"),
         Part("bias", 12, 2, "backward: dbias")),
        SCORER_MISTAKES, {"d_input": T_D}),
    "loss": Exercise(
        "layer", BOTH, loss, loss_cases,
        (Part("output", 13, 4, "forward: the loss"),
         Part("d_input", 13, 3, "backward: ∂z⁺"), Part("d_input 2", 13, 3, "backward: ∂z⁻")),
        LOSS_MISTAKES, {}),
    "adam": Exercise(
        "adam", ("Adam",), adam, adam_cases,
        (Part("one step", 16, 4, "after one step"), Part("all steps", 14, 6, "after five steps")),
        ADAM_MISTAKES, {}),
}  # fmt: skip
