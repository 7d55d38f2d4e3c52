"""Kolmogorov-Arnold layers, against scipy's and NumPy's functions and sums over all pairs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev, hermite_e
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from einsearch.primitives.arguments import Symbol
from einsearch.primitives.kan import FAMILIES, SELECT, functions
from einsearch.primitives.kernels.bases import BASES, expand
from einsearch.specs import image, tokens, vector
from tests.primitives.calling import call
from tests.primitives.recurrences import export_everywhere
from tests.support import series

COUNTS = (4, 8, 13)


def oracle(basis: str, z: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    places = np.linspace(-2, 2, count)
    distance = (z[:, None] - places) / (places[1] - places[0])
    if basis == "bspline":
        cell = 2 / (count - 3)
        knots = -1 + cell * np.arange(-3, count + 1)
        made = BSpline(knots, np.eye(count), 3, extrapolate=False)(z)
        return np.nan_to_num(made)
    if basis == "rbf":
        return np.exp(-(distance**2))
    if basis == "chebyshev":
        return chebyshev.chebvander(z, count - 1)
    if basis == "fourier":
        waves = np.exp(1j * z[:, None] * (np.arange(count) // 2 + 1))
        return np.where(np.arange(count) % 2, waves.imag, waves.real)
    # The second derivative of a Gaussian is He_2 times it.
    norm = 2 / (math.sqrt(3) * math.pi**0.25)
    return -norm * hermite_e.hermeval(distance, [0, 0, 1]) * np.exp(-(distance**2) / 2)


@pytest.mark.parametrize("basis", FAMILIES)
@pytest.mark.parametrize("count", COUNTS)
def test_basis_equals_its_oracle(basis: str, count: int) -> None:
    z = np.linspace(-1, 1, 1001) if basis in ("bspline", "chebyshev") else np.linspace(-4, 4, 1001)
    made = BASES[basis](torch.from_numpy(z), count).numpy()
    assert made.shape == (1001, count)
    np.testing.assert_allclose(made[:-1], oracle(basis, z, count)[:-1], rtol=0, atol=1e-12)


def test_splines_sum_to_one_and_end_outside() -> None:
    inside = torch.linspace(-1, 1, 301, dtype=torch.float64)
    assert (BASES["bspline"](inside, 8).sum(-1) - 1).abs().max() < 1e-12
    assert not BASES["bspline"](torch.tensor([-3.0, 3.0]), 8).any()


@pytest.mark.parametrize("basis", FAMILIES)
def test_numbers_of_the_signal_rule_are_those_of_the_kernel(basis: str) -> None:
    x = torch.linspace(-6, 6, 97, dtype=torch.float64)
    scalar = [[f(float(v)) for f in functions(basis, 7)] for v in x]
    torch.testing.assert_close(
        torch.tensor(scalar).double(), expand(x, basis, 7), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("basis", [*FAMILIES, SELECT])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_gradients_are_finite_far_out(basis: str, kind: torch.dtype) -> None:
    network = call("kan", 3, Symbol(basis), 10, on=vector(1)).to(kind)
    x = torch.linspace(-50, 50, 2001, dtype=kind).unsqueeze(1).requires_grad_()
    network(x)[0].square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("basis", [*FAMILIES, SELECT])
def test_gradients_of_a_convolution_are_finite_far_out(basis: str) -> None:
    network = call("kan_conv2d", 3, 3, Symbol(basis), 10, on=image(1, 40, 50))
    x = torch.linspace(-50, 50, 2000).view(1, 1, 40, 50).requires_grad_()
    network(x)[0].square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("basis", FAMILIES)
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_functions_of_half_precision_are_rounded_once(basis: str, kind: torch.dtype) -> None:
    x = torch.linspace(-6, 6, 1001).to(kind)
    made = expand(x, basis, 13)
    assert made.dtype is kind
    exact = expand(x.double(), basis, 13)
    assert ((made - exact).abs() <= torch.finfo(kind).eps * exact.abs() + 1e-6).all()


@pytest.mark.parametrize("basis", [*FAMILIES, SELECT])
@pytest.mark.parametrize("name", ["kan", "kan_conv2d"])
def test_functions_stay_exact_under_autocast(name: str, basis: str) -> None:
    """Behind a layer that makes bfloat16, as training in half precision has them."""
    size, spec = ((), vector(6)) if name == "kan" else ((3,), image(6, 5, 5))
    network = call(name, 4, *size, Symbol(basis), 10, on=spec)
    for number in network.inner.base.parameters():
        torch.nn.init.zeros_(number)
    x = 2 * torch.randn(32, *spec.shape).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        made = network(x)[0]
    assert made.dtype is torch.bfloat16
    exact = network.double()(x.double())[0]
    assert (made - exact).norm() < 8e-3 * exact.norm()


@pytest.mark.parametrize("basis", FAMILIES)
def test_is_a_sum_of_functions_of_one_variable(basis: str) -> None:
    network = call("kan", 3, Symbol(basis), 4, on=tokens(5, 6)).double()
    x, inner = torch.randn(2, 5, 6, dtype=torch.float64), network.inner
    weight = inner.weight.view(3, 6, 7)
    z = x.tanh() if basis in ("bspline", "chebyshev") else x
    bent = torch.from_numpy(oracle(basis, z.flatten().numpy(), 7)).view(2, 5, 6, 7)
    expected = torch.einsum("btik,oik->bto", bent, weight) + inner.base(x * x.sigmoid())
    torch.testing.assert_close(network(x)[0], expected)


@pytest.mark.parametrize("basis", FAMILIES)
def test_convolution_pads_the_functions(basis: str) -> None:
    network = call("kan_conv2d", 4, 3, Symbol(basis), 4, on=image(2, 5, 5)).double()
    x, inner = torch.randn(1, 2, 5, 5, dtype=torch.float64), network.inner
    count = inner.weight.shape[1] // 2
    z = x.tanh() if basis in ("bspline", "chebyshev") else x
    bent = torch.from_numpy(oracle(basis, z.flatten().numpy(), count)).view(1, 2, 5, 5, count)
    padded = torch.nn.functional.pad(bent, (0, 0, 1, 1, 1, 1))
    windows = padded.unfold(2, 3, 1).unfold(3, 3, 1)
    weight = inner.weight.view(4, 2, count, 3, 3)
    expected = torch.einsum("bchwkij,ockij->bohw", windows, weight) + inner.base(x * x.sigmoid())
    torch.testing.assert_close(network(x)[0], expected)


@pytest.mark.parametrize("basis", [*FAMILIES, SELECT])
@pytest.mark.parametrize("name", ["kan", "kan_conv2d"])
def test_functions_begin_at_a_tenth_of_what_keeps_the_variance(name: str, basis: str) -> None:
    """Where the functions and what they are given vary by 1, their sum varies by 0.1."""
    size, spec = ((), vector(40)) if name == "kan" else ((3,), image(40, 5, 5))
    weight = call(name, 50, *size, Symbol(basis), 4, on=spec).inner.weight.detach()
    each = weight.flatten(1) if basis != SELECT else weight.flatten(2)
    assert float(each.square().sum(-1).mean().sqrt()) == pytest.approx(0.1, rel=0.03)
    assert abs(float(weight.mean())) < 0.1 * float(weight.std())


class Largest(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor made."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return made


@pytest.mark.parametrize("basis", [*FAMILIES, SELECT])
def test_never_makes_a_tensor_of_inputs_by_outputs(basis: str) -> None:
    batch, inputs, outputs = 1024, 4, 64
    network = call("kan", outputs, Symbol(basis), 1, on=vector(inputs))
    with Largest() as largest:
        network(torch.randn(batch, inputs, requires_grad=True))[0].sum().backward()
    assert 0 < largest.elements <= batch * outputs


@pytest.mark.parametrize("basis", [*FAMILIES, SELECT])
def test_a_convolution_never_unfolds_its_windows(basis: str) -> None:
    """The largest are the functions, (B, channels * functions, H, W), not one set a window."""
    batch, channels, size = 4, 8, 16
    network = call("kan_conv2d", 16, 3, Symbol(basis), 3, on=image(channels, size, size))
    with Largest() as largest:
        network(torch.randn(batch, channels, size, size, requires_grad=True))[0].sum().backward()
    assert 0 < largest.elements <= batch * channels * 6 * size**2


@pytest.mark.parametrize("basis", ["bspline", "fourier", SELECT])
def test_is_exported(basis: str, tmp_path: Path) -> None:
    spec = image(3, 5, 6)
    calls = (("kan_conv2d", 4, 3, Symbol(basis)), ("kan", 5, Symbol(basis), 3))
    export_everywhere(series(spec, *calls), tmp_path)
