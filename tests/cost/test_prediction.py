"""Features of networks and what is predicted from them."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import einsearch as es
from einsearch.cost import DEFAULT, DeviceModel, Features, features, predict
from einsearch.derivation.replay import architecture
from einsearch.errors import EinsearchError
from einsearch.primitives.work import Operation
from einsearch.specs import TensorSpec, vector

IMAGE = es.image(4, 8, 8)
LAYERS = ("conv2d(4, 3) >> relu", "norm", "gelu", "conv2d(4, 3, groups=4)", "max_pool(3)")


def of(text: str, spec: TensorSpec = IMAGE) -> Features:
    return features(architecture(text, spec).program)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=3))
def test_what_two_parts_do_adds_up(layers: list[str]) -> None:
    text = " >> ".join(layers)
    once, twice = of(text), of(f"{text} >> {text}")
    for operation in Operation:
        assert twice.flops(operation) == 2 * once.flops(operation)
        assert twice.moved(operation) == 2 * once.moved(operation)
        assert twice.kernels(operation) == 2 * once.kernels(operation)
    assert twice.parameters == 2 * once.parameters


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=4), st.integers(1, 64))
def test_more_of_anything_costs_no_less(layers: list[str], batch: int) -> None:
    text = " >> ".join(layers)
    one = predict(of(text), DEFAULT, batch=batch)
    longer = predict(of(f"{text} >> conv2d(4, 3)"), DEFAULT, batch=batch)
    larger = predict(of(text), DEFAULT, batch=batch + 1)
    assert longer.step_seconds > one.step_seconds
    assert larger.step_seconds > one.step_seconds
    assert longer.peak_bytes >= one.peak_bytes
    assert larger.peak_bytes > one.peak_bytes
    assert longer.build_seconds > one.build_seconds


def test_large_batches_cost_in_proportion() -> None:
    found = of("conv2d(32, 3) >> norm >> relu >> conv2d(32, 3)")
    few, many = (predict(found, DEFAULT, batch=batch) for batch in (8000, 16000))
    assert many.step_seconds / few.step_seconds == pytest.approx(2.0, rel=0.15)
    assert many.peak_bytes / few.peak_bytes == pytest.approx(2.0, rel=0.15)


def test_a_network_that_computes_nothing_has_a_cost_all_the_same() -> None:
    nothing = features(architecture("identity", vector(13)).program, output=vector(13))

    assert nothing.training
    assert 0 < predict(nothing, DEFAULT, batch=64, micro=16).step_seconds < 1
    assert predict(nothing, DEFAULT, batch=64).peak_bytes > 0


def test_pieces_of_a_batch_save_memory_and_cost_time() -> None:
    found = of("conv2d(64, 3) >> relu >> conv2d(64, 3) >> relu")
    whole = predict(found, DEFAULT, batch=512)
    pieces = predict(found, DEFAULT, batch=512, micro=64)
    assert pieces.peak_bytes < whole.peak_bytes / 2
    assert pieces.step_seconds >= whole.step_seconds - DEFAULT.touch * whole.peak_bytes


@pytest.mark.parametrize("micro", [None, 8])
@pytest.mark.parametrize("training", [True, False])
def test_a_network_that_is_its_head_alone_has_a_cost(micro: int | None, training: bool) -> None:
    program = architecture("identity", es.vector(3)).program
    for output in (es.vector(2), None):
        found = features(program, output=output)
        made = predict(found, DEFAULT, batch=32, micro=micro, training=training)
        assert made.step_seconds > 0
        assert made.peak_bytes >= DEFAULT.slack


def test_evaluation_needs_less_than_training() -> None:
    found = of(" >> ".join(["conv2d(16, 3) >> relu"] * 6))
    training = predict(found, DEFAULT, batch=4096)
    evaluation = predict(found, DEFAULT, batch=4096, training=False)
    assert evaluation.peak_bytes < training.peak_bytes / 2
    assert training.forward_seconds < training.step_seconds / 2


def test_shares_sum_up_to_the_seconds_of_a_step() -> None:
    made = predict(of("conv2d(16, 3) >> relu"), DEFAULT, batch=8)
    assert sum(value for _, value in made.shares) == pytest.approx(made.step_seconds)
    assert made.dominant in dict(made.shares)


def test_an_attention_matrix_is_part_of_the_peak() -> None:
    text = (
        '{q = in >> linear(8)  k = in >> linear(8) >> permute("ba")  '
        "s = (q, k) >> matmul >> softmax  out = (s, in >> linear(8)) >> matmul}"
    )
    short, long = (predict(of(text, es.tokens(n, 8)), DEFAULT, batch=64) for n in (512, 1024))
    assert long.peak_bytes > 64 * 4 * 1024**2
    assert long.peak_bytes / short.peak_bytes > 3


def test_a_device_round_trips() -> None:
    assert DeviceModel.from_json(json.loads(json.dumps(DEFAULT.to_json()))) == DEFAULT
    assert pickle.loads(pickle.dumps(DEFAULT)) == DEFAULT


@pytest.mark.parametrize(
    "change", [{"step": -1.0}, {"step": "no"}, {"speeds": {}}, {"speeds": {"matrix": {}}}, {"x": 1}]
)
def test_a_damaged_device_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(EinsearchError, match="no model of a device"):
        DeviceModel.from_json({**DEFAULT.to_json(), **change})
