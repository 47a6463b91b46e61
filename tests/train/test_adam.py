import numpy as np
import pytest

from tinyrec.train.adam import Adam


def test_the_first_step_is_the_learning_rate_against_the_gradients_sign():
    params = {"a": np.array([1.0, -2.0]), "b": np.array([[3.0]])}
    Adam(params, lr=0.1).step({"a": np.array([5.0, -0.01]), "b": np.array([[1e-3]])})
    assert np.allclose(params["a"], [0.9, -1.9], atol=1e-6)
    assert np.allclose(params["b"], [[2.9]], atol=1e-5)


def test_three_steps_equal_the_papers_algorithm_written_with_floats():
    gradients, lr, beta1, beta2, eps = (0.5, -1.5, 0.25), 0.01, 0.8, 0.95, 1e-6
    theta, m, v = 1.0, 0.0, 0.0
    params = {"x": np.array([1.0])}
    adam = Adam(params, lr, beta1, beta2, eps)
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta -= lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps)
        adam.step({"x": np.array([g])})
    assert params["x"][0] == pytest.approx(theta, rel=1e-14)


def test_parameters_are_updated_in_place_and_keep_their_type():
    array = np.ones(3, np.float32)
    Adam({"x": array}).step({"x": np.ones(3, np.float32)})
    assert array.dtype == np.float32
    assert np.all(array < 1)


def test_ten_steps_agree_with_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    ours = {"x": rng.normal(size=(3, 4))}
    theirs = torch.tensor(ours["x"].copy(), requires_grad=True)
    adam, optimizer = Adam(ours, lr=0.03), torch.optim.Adam([theirs], lr=0.03)
    for _ in range(10):
        gradient = rng.normal(size=(3, 4))
        adam.step({"x": gradient})
        theirs.grad = torch.tensor(gradient)
        optimizer.step()
    assert np.abs(ours["x"] - theirs.detach().numpy()).max() < 1e-12
