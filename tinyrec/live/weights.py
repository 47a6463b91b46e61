"""A model's parameters as PyTorch or Keras name and shape them, and back (article §3.2.2).

    module.load_state_dict({name: torch.from_numpy(a) for name, a in weights(model).items()})
    model = with_weights(model, {name: t.numpy() for name, t in module.state_dict().items()})

where the PyTorch module that computes (1) to (12) is

    def __init__(self, N, M, D, H):
        self.items, self.kinds = nn.Embedding(N, D), nn.Embedding(M, D)
        self.lstm = nn.LSTM(D, H, batch_first=True)
        self.query, self.key = nn.Linear(H, H, bias=False), nn.Linear(H, H, bias=False)
        self.interest = nn.Linear(2 * H, D)
        self.fade, self.bias = nn.Parameter(torch.zeros(D)), nn.Parameter(torch.zeros(N))

    def forward(self, items, kinds):
        x = self.items(items) + self.kinds(kinds)
        h, _ = self.lstm(x)
        long = F.scaled_dot_product_attention(self.query(h), self.key(h), h, is_causal=True)
        recent = [x[:, 0]]
        for x_t in x.unbind(1)[1:]:
            recent.append(x_t + torch.sigmoid(self.fade) * recent[-1])
        u = self.interest(torch.cat([long, h], -1)) + torch.stack(recent, 1)
        return u @ self.items.weight.T + self.bias

PyTorch's matrices are ours transposed, its LSTM has the gates in our order i, f, g, o and a second
bias, which is zero here. Keras has them in that order too, calls g c, and transposes nothing.
Where a log gives its events numbers (preprocess/features.py), they join x: + self.numbers(n), with
numbers = nn.Linear(R, D, bias=False).
"""

import copy

import numpy as np

from ..errors import InputError

NAMES = {  # ours: PyTorch's, Keras's
    "E": ("items.weight", "items/embeddings"),
    "A": ("kinds.weight", "kinds/embeddings"),
    "F": ("numbers.weight", "numbers/kernel"),
    "W": ("lstm.weight_ih_l0", "lstm/kernel"),
    "U": ("lstm.weight_hh_l0", "lstm/recurrent_kernel"),
    "b": ("lstm.bias_ih_l0", "lstm/bias"),
    "Wq": ("query.weight", "query/kernel"),
    "Wk": ("key.weight", "key/kernel"),
    "Wu": ("interest.weight", "interest/kernel"),
    "bu": ("interest.bias", "interest/bias"),
    "fade": ("fade", "fade"),
    "bias": ("bias", "bias"),
}
SECOND_BIAS = "lstm.bias_hh_l0"  # PyTorch adds it to the first
EMBEDDINGS = ("E", "A")  # have the same shape everywhere


def weights(model, style="torch"):
    """{their name: array} of a fitted model's parameters; style "torch" or "keras"."""
    column = column_of(style)
    found = {NAMES[name][column]: turned(name, np.asarray(value), style)
             for name, value in model.params.items() if name in NAMES and value.size}  # fmt: skip
    if style == "torch":
        found[SECOND_BIAS] = np.zeros_like(model.params["b"])
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def with_weights(model, given, style="torch"):
    """A copy of the model with the weights given: {their name: array}.

    Raises InputError for a name that is missing and for a shape that does not fit the model.
    """
    column, params = column_of(style), dict(model.params)
    for name in NAMES:
        theirs, ours = NAMES[name][column], model.params[name]
        if not ours.size:
            continue
        if theirs not in given:
            raise InputError(f"{theirs} is missing; there are {', '.join(given)}")
        value = np.asarray(given[theirs], np.float32)
        if name == "b" and style == "torch":
            value = value + given.get(SECOND_BIAS, 0)
        value = turned(name, value, style)
        if value.shape != ours.shape:
            raise InputError(f"{theirs} gives {name} the shape {value.shape}, not {ours.shape}")
        params[name] = np.array(value, np.float32, order="C")
    changed = copy.copy(model)
    changed.params, changed.run = params, None
    return changed


def turned(name, value, style):
    """Between our shape and theirs, either way."""
    return value.T if style == "torch" and name not in EMBEDDINGS else value


def column_of(style):
    if style not in ("torch", "keras"):
        raise InputError(f'style is {style!r}: it has to be "torch" or "keras"')
    return ("torch", "keras").index(style)


def write_safetensors(model, path, style="torch"):
    """The weights as a .safetensors file, which many libraries read."""
    safetensors().save_file(weights(model, style), path)


def read_safetensors(model, path, style="torch"):
    """A copy of the model with the weights of a .safetensors file."""
    try:
        given = safetensors().load_file(path)
    except Exception as error:  # the library has its own, and those of files
        raise InputError(f"{path}: {error}; name a .safetensors file") from None
    return with_weights(model, given, style)


def safetensors():
    try:
        from safetensors import numpy
    except ImportError:
        raise InputError("pip install safetensors: it is not installed here") from None
    return numpy
