"""What every primitive must keep; a new one is tested as soon as it is registered."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from einsearch.errors import ShapeError
from einsearch.primitives.base import (
    Signal,
    all_primitives,
    cost,
    expressions_of,
    get_primitive,
    infer_or_reason,
)
from einsearch.specs import Layout
from tests.contracts.primitive_cases import (
    POOL,
    Case,
    Network,
    any_call,
    arguments,
    attempts,
    cases,
)

SIGNALS = (Signal(0.0, 1.0), Signal(2.0, 0.25), Signal(-1.0, 4.0))
FACTOR = 3.0
"""Moments at initialisation may be wrong by this factor."""
MOST_SEQUENCES = 16


def both_modes(case: Case) -> list[Network]:
    return [case.network().train(), case.network().eval()]


def run(network: Network, tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """The outcome without gradients; what is drawn at random is the same in each run."""
    torch.manual_seed(1)
    with torch.no_grad():
        made: tuple[Tensor, ...] = network(*tensors)
        return made


def same(left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> bool:
    return all(torch.allclose(a, b, atol=1e-9) for a, b in zip(left, right, strict=True))


def real_flops(network: Network, tensors: list[Tensor]) -> int:
    # The counter knows the parts of attention, but not its fused kernel on a CPU.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(*tensors)
    flops: int = counter.get_total_flops()
    return flops


@pytest.mark.parametrize("name", all_primitives())
def test_work_is_known(name: str) -> None:
    for case in cases(name):
        work = case.primitive.work(case.specs, case.outputs, case.args)
        assert work.parts, case
        for part in work.parts:
            numbers = (part.flops, part.moved, part.width, part.rows)
            assert all(math.isfinite(n) and n >= 0 for n in numbers), case
        assert sum(part.calls for part in work.parts) >= 1, case
        assert min(work.kept, work.scratch, work.fixed) >= 0, case


def is_affine_in(case: Case, chosen: list[int], networks: list[Network]) -> bool:
    """Whether an average of operands leads to that average of outcomes, the others fixed."""
    for network in networks:
        x = [tensor.double() for tensor in case.tensors()]
        y = [t.double() if i in chosen else x[i] for i, t in enumerate(case.tensors())]
        mixed = [0.3 * a + 0.7 * b for a, b in zip(x, y, strict=True)]
        pairs = zip(run(network.double(), x), run(network, y), strict=True)
        if not same(run(network, mixed), tuple(0.3 * a + 0.7 * b for a, b in pairs)):
            return False
    return True


def sequences(name: str) -> list[Case]:
    """Calls that take and make tokens of one length, a few for each of its arguments."""
    primitive = get_primitive(name)
    found: dict[Any, Case] = {}
    for args, specs, outputs in attempts(name):
        if not isinstance(outputs, str):
            sizes = {(spec.layout, spec.shape[0]) for spec in (*specs, *outputs)}
            if len(sizes) == 1 and specs[0].layout is Layout.TOKENS:
                key = (args, specs[0].shape[0] > 1)
                found.setdefault(key, Case(primitive, args, specs, outputs))
    return [*found.values()][:MOST_SEQUENCES]


def causal_at(case: Case) -> bool:
    """What the symbolic pass over networks says of one call."""
    mixes = case.primitive.mixes_batch(case.specs, case.args)
    return not mixes and case.primitive.causal_at(case.specs, case.args)


def is_causal(case: Case) -> bool:
    """Whether other tokens at the end leave what is made of those before them as it is."""
    for seed in range(3):
        network = case.network(seed).double()
        x = [tensor.double() for tensor in case.tensors()]
        for place in range(1, case.specs[0].shape[0]):
            moved = [torch.cat([t[:, :place], 3 * torch.randn_like(t[:, place:])], 1) for t in x]
            for training in (True, False):
                network.train(training)
                pairs = zip(run(network, x), run(network, moved), strict=True)
                if not same(*zip(*((a[:, :place], b[:, :place]) for a, b in pairs), strict=True)):
                    return False
    return True


@pytest.mark.parametrize("name", all_primitives())
class TestPrimitive:
    def test_is_named_documented_and_pickled_by_name(self, name: str) -> None:
        primitive = get_primitive(name)
        assert name.isidentifier()
        assert type(primitive).__doc__
        assert pickle.loads(pickle.dumps(primitive)) is primitive

    def test_takes_something(self, name: str) -> None:
        assert cases(name)

    def test_says_why_it_rejects_tensors(self, name: str) -> None:
        reasons = [outcome for _, _, outcome in attempts(name) if isinstance(outcome, str)]
        assert all(reason.startswith(f"{name} cannot take ") for reason in reasons)
        assert not any(reason.endswith(": ") for reason in reasons)

    def test_rejects_other_numbers_of_tensors(self, name: str) -> None:
        primitive = get_primitive(name)
        fewest, most = primitive.arity
        for args in arguments(primitive)[:3]:
            for count in {0, fewest - 1, min(most + 1, 5)} - set(range(fewest, min(most, 5) + 1)):
                reason = infer_or_reason(primitive, args, POOL[:1] * count)
                assert isinstance(reason, str)
                assert reason.startswith(f"{name} takes ")

    def test_shapes_are_as_inferred(self, name: str) -> None:
        for case in cases(name):
            for network in both_modes(case):
                for batch in (2, 5):
                    shapes = [tuple(t.shape) for t in network(*case.tensors(batch))]
                    assert shapes == [(batch, *spec.shape) for spec in case.outputs], str(case)

    def test_keeps_the_precision_of_its_input(self, name: str) -> None:
        for case in cases(name):
            tensors = [tensor.double() for tensor in case.tensors()]
            made = case.network().double()(*tensors)
            assert {tensor.dtype for tensor in made} == {torch.float64}, str(case)

    def test_counts_its_parameters(self, name: str) -> None:
        for case in cases(name):
            real = sum(p.numel() for p in case.network().parameters() if p.requires_grad)
            assert cost(case.primitive, case.args, case.specs).parameters == real, str(case)

    def test_counts_its_flops(self, name: str) -> None:
        for case in cases(name):
            assert_flops(case, case.network())

    @settings(max_examples=30)
    @given(data=st.data())
    def test_keeps_its_word_for_any_tensors_and_arguments(
        self, name: str, data: st.DataObject
    ) -> None:
        primitive = get_primitive(name)
        args, specs, outcome = data.draw(any_call(primitive))
        if isinstance(outcome, str):
            # Where not even the expression stands on these tensors, there is no call.
            if not any(isinstance(args[p.name], str) for p in expressions_of(type(primitive))):
                with pytest.raises(ShapeError, match=r"\w"):
                    primitive.infer(specs, args)
            return
        assert primitive.infer(specs, args) == outcome
        case, costs = Case(primitive, args, specs, outcome), cost(primitive, args, specs)
        for network in both_modes(case):
            made = run(network, case.tensors())
            assert [tuple(t.shape) for t in made] == [(2, *spec.shape) for spec in outcome]
            assert all(torch.isfinite(t).all() for t in made)
            assert costs.parameters == sum(p.numel() for p in network.parameters())
            assert_flops(case, network)

    def test_outcomes_and_gradients_are_finite(self, name: str) -> None:
        for case in cases(name):
            for scale in (1.0, 0.0, 10.0):
                network = case.network()
                tensors = [(scale * t).requires_grad_() for t in case.tensors()]
                made = network(*tensors)
                leaves = [*tensors, *network.parameters()]
                total = sum((t.mean() for t in made), start=torch.zeros(()))
                grads: tuple[Tensor | None, ...] = ()
                if total.requires_grad:
                    grads = torch.autograd.grad(total, leaves, allow_unused=True)
                for tensor in (*made, *(g for g in grads if g is not None)):
                    assert torch.isfinite(tensor).all(), f"{case} scaled by {scale}"

    def test_every_weight_gets_a_gradient(self, name: str) -> None:
        seeds = range(30 if get_primitive(name).is_conditional else 1)
        for case in cases(name):
            missing = {key for key, _ in case.network().named_parameters()}
            for seed in seeds:
                missing -= (
                    weights_with_gradient(case.network(seed), case.tensors()) if missing else set()
                )
            assert not missing, f"{case}: {missing}"

    def test_examples_do_not_meet_in_evaluation(self, name: str) -> None:
        for case in cases(name):
            network, tensors = case.network().eval(), case.tensors(4)
            alone = run(network, [t[:1] for t in tensors])
            for together, single in zip(run(network, tensors), alone, strict=True):
                torch.testing.assert_close(together[:1], single, rtol=1e-4, atol=1e-5)

    def test_signal_is_near_the_moments_at_initialisation(self, name: str) -> None:
        compared = 0
        for case in cases(name)[:6]:
            for incoming in SIGNALS:
                expected = case.primitive.signal(
                    case.specs, case.args, (incoming,) * len(case.specs)
                )
                assert len(expected) == len(case.outputs)
                made = sampled(case, incoming, enough(case))
                for signal, samples in zip(expected, made, strict=True):
                    if is_stable(samples):
                        assert_near(signal, samples, f"{case} of {incoming}")
                        compared += 1
        assert compared

    def test_elements_stay_between_their_bounds(self, name: str) -> None:
        for case in cases(name)[:6]:
            for incoming in SIGNALS:
                expected = case.primitive.signal(
                    case.specs, case.args, (incoming,) * len(case.specs)
                )
                for signal, samples in zip(expected, sampled(case, incoming), strict=True):
                    told = f"{case} of {incoming}: {samples.aminmax()}, said {signal}"
                    within = 1e-3 + 0.05 * signal.farthest
                    assert signal.low - within <= samples.min(), told
                    assert samples.max() <= signal.high + within, told

    def test_flags_tell_what_is_affine(self, name: str) -> None:
        primitive = get_primitive(name)
        together, each = [], []
        for case in cases(name):
            operands, networks = [*range(len(case.specs))], both_modes(case)
            together.append(is_affine_in(case, operands, networks))
            each += [is_affine_in(case, [operand], networks) for operand in operands]
        assert primitive.is_affine is all(together)
        assert primitive.is_multilinear is all(each)

    def test_says_which_calls_are_affine_in_evaluation(self, name: str) -> None:
        for case in cases(name):
            if case.primitive.affine_at(case.specs, case.args):
                operands, network = [*range(len(case.specs))], case.network().eval()
                assert is_affine_in(case, operands, [network]), str(case)
            else:
                assert not case.primitive.is_affine, str(case)

    def test_says_which_calls_are_causal(self, name: str) -> None:
        for case in sequences(name):
            said = causal_at(case)
            if said or case.specs[0].shape[0] > 1:
                assert is_causal(case) is said, str(case)

    def test_flag_tells_what_is_commutative(self, name: str) -> None:
        primitive = get_primitive(name)
        if primitive.arity[1] == 1:
            assert not primitive.commutative
            return
        turned = []
        for case in cases(name):
            tensors = [tensor.double() for tensor in case.tensors()]
            network = case.network().double().eval()
            if len({spec.shape for spec in case.specs}) == 1 < len(case.specs):
                turned.append(same(run(network, tensors), run(network, tensors[::-1])))
        assert primitive.commutative is (bool(turned) and all(turned))

    def test_flag_tells_what_ignores_its_input(self, name: str) -> None:
        primitive = get_primitive(name)
        equal = [
            same(run(network, case.tensors()), run(network, case.tensors()))
            for case in cases(name)
            for network in both_modes(case)
        ]
        assert primitive.ignores_input is all(equal)
        assert primitive.ignores_input or not primitive.is_source

    def test_flag_tells_what_no_gradient_passes(self, name: str) -> None:
        primitive = get_primitive(name)
        passed = any(
            gradient is not None and bool(gradient.any())
            for case in cases(name)
            for gradient in gradients_by_input(case)
        )
        assert primitive.stops_gradient is not (passed or primitive.ignores_input)

    def test_flag_tells_what_keeps_zero(self, name: str) -> None:
        primitive = get_primitive(name)
        zero = all(
            not tensor.any()
            for case in cases(name)
            for network in both_modes(case)
            for tensor in run(network, [torch.zeros_like(t) for t in case.tensors()])
        )
        weightless = not any(cost(c.primitive, c.args, c.specs).parameters for c in cases(name))
        assert primitive.keeps_zero is (zero and weightless)

    def test_views_keep_no_memory_and_make_no_elements(self, name: str) -> None:
        for case in cases(name):
            memory = cost(case.primitive, case.args, case.specs).memory
            assert memory >= 0
            if case.primitive.is_view:
                assert memory == 0
                tensors = case.tensors()
                known = torch.cat([tensor.flatten() for tensor in tensors])
                for made in run(case.network(), tensors):
                    assert torch.isin(made, known).all(), str(case)

    def test_flag_tells_what_draws_random_numbers(self, name: str) -> None:
        random = False
        for case in cases(name):
            for network in both_modes(case):
                tensors = case.tensors()
                first, second = network(*tensors), network(*tensors)
                differ = not same(first, second)
                assert not differ or network.training, str(case)
                random = random or differ
        assert get_primitive(name).is_random is random


def gradients_by_input(case: Case) -> tuple[Tensor | None, ...]:
    """Gradients of an outcome by the incoming tensors."""
    tensors = [tensor.requires_grad_() for tensor in case.tensors()]
    total = sum((t * torch.randn_like(t)).sum() for t in case.network()(*tensors))
    if not isinstance(total, Tensor) or not total.requires_grad:
        return ()
    return torch.autograd.grad(total, tensors, allow_unused=True)


def weights_with_gradient(network: Network, tensors: list[Tensor]) -> set[str]:
    """Names of the weights on which the outcome depends, for these tensors."""
    total = sum((t * torch.randn_like(t)).sum() for t in network(*tensors))
    weights = dict(network.named_parameters())
    if not weights or not isinstance(total, Tensor) or not total.requires_grad:
        return set()
    grads = torch.autograd.grad(total, [*weights.values()], allow_unused=True)
    return {key for key, g in zip(weights, grads, strict=True) if g is not None and g.any()}


def assert_flops(case: Case, network: Network) -> None:
    """What is counted for one example is what two examples take; an upper bound where values
    decide what is computed."""
    counted = 2 * cost(case.primitive, case.args, case.specs).flops
    real = real_flops(network, case.tensors())
    assert real <= counted if case.primitive.is_conditional else real == counted, str(case)


def enough(case: Case) -> int:
    """Networks over which chance averages out: more where each has few weights."""
    return max(20, 120 // min(spec.features for spec in case.outputs))


def sampled(case: Case, incoming: Signal, most: int = 20) -> list[Tensor]:
    """Elements of every outgoing tensor, (networks, elements), over weights and inputs."""
    networks, batch = (most, 16) if case.network().layer.is_module else (4, 80)
    made = []
    for seed in range(networks):
        tensors = case.tensors(batch, incoming.mean, incoming.variance)
        made.append([t.detach().flatten().double() for t in run(case.network(seed), tensors)])
        torch.manual_seed(1000 + seed)
    return [torch.stack(port) for port in zip(*made, strict=True)]


def is_stable(samples: Tensor) -> bool:
    """Whether the second moment exists, as far as samples can tell: none of them dominates."""
    squares = samples.square()
    return bool(squares.max() <= 0.05 * squares.sum())


def assert_near(signal: Signal, samples: Tensor, where: str) -> None:
    mean, variance = float(samples.mean()), float(samples.var(correction=0))
    square = mean**2 + variance
    told = f"{where}: mean {mean:.3g}, variance {variance:.3g}, said {signal}"
    assert abs(signal.mean - mean) <= 0.3 * math.sqrt(square) + 1e-3, told
    floor = 1e-2 * square + 1e-6
    ratio = (signal.variance + floor) / (variance + floor)
    assert 1 / FACTOR <= ratio <= FACTOR, told
