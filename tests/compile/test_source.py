"""Printed networks compute what built networks compute, under the same names."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings

from einsearch.compile.head import attach_head
from einsearch.compile.module import build_module
from einsearch.compile.source import _value, python_source
from einsearch.errors import ExportError
from einsearch.primitives.arguments import Symbol
from einsearch.primitives.base import all_primitives
from einsearch.primitives.program import INPUT, Program, Ref
from einsearch.specs import image, tokens, vector
from tests.graph.programs import programs
from tests.support import program, series


def load(source: str) -> dict[str, type[torch.nn.Module]]:
    """The classes of a printed network. This test trusts its own programs."""
    module = types.ModuleType("printed")
    exec(compile(source, "printed.py", "exec"), module.__dict__)
    return module.__dict__


def assert_same(written: Program) -> None:
    built = build_module(written, 0).eval()
    printed = load(python_source(written))["Network"]().eval()
    assert list(printed.state_dict()) == list(built.state_dict())
    printed.load_state_dict(built.state_dict())
    x = torch.randn(2, *written.input[0].shape)
    with torch.no_grad():
        torch.testing.assert_close(printed(x), built(x), equal_nan=True)


@settings(max_examples=40)
@given(programs)
def test_printed_network_computes_the_same(written: Program) -> None:
    assert_same(written)


@pytest.mark.parametrize(
    "written",
    [
        series(image(3, 9, 9), ("im2col", 3, 2), ("linear", 4), ("col2im",), ("group_norm", 2)),
        series(
            tokens(6, 8), ("positional_encoding",), ("attention", 2), ("layer_norm",), ("gelu",)
        ),
        series(tokens(6, 8), ("linear", 4, 0), ("conv1d", 5, 3), ("rms_norm",), ("softmax",)),
        series(image(4, 8, 8), ("conv2d", 4, 3, 1, 1, 4), ("avg_pool", 2, 2), ("upsample", 2)),
        series(image(4, 8, 8), ("norm",), ("leaky_relu",), ("global_avg_pool",), ("linear", 2)),
        series(image(4, 8, 8), ("std", Symbol("batch")), ("channel_affine",), ("flatten",)),
        program(
            image(2, 4, 4),
            [
                ("parameter", (1.0,), [INPUT]),
                ("mul", (), [0, INPUT]),
                ("signed_sqrt", (), [1]),
                ("safe_div", (), [2, INPUT]),
                ("split", (2, 0), [3]),
                ("concat", (1,), [Ref(4, 1), Ref(4, 0)]),
            ],
        ),
    ],
)
def test_families_of_primitives(written: Program) -> None:
    assert_same(written)


def test_reads_like_written_by_hand() -> None:
    written = program(
        image(3, 8, 8),
        [
            ("conv2d", (8, 3), [INPUT]),
            ("relu", (), [0]),
            ("linear", (8,), [1]),
            ("add", (), [2, 1]),
        ],
    )
    source = python_source(written, class_name="Small", note="conv2d(8, 3) >> ...")
    head, _, body = source.partition("class Small(nn.Module):")
    assert head.startswith("# conv2d(8, 3) >> ...\n\nimport torch\n")
    assert body == (
        '\n    """image:3x8x8 to image:8x8x8."""\n'
        "\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        "        self.conv2d_1 = nn.Conv2d(3, 8, 3, padding=1)\n"
        "        self.linear_1 = nn.Conv2d(8, 8, 1, bias=True)\n"
        "\n"
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:\n"
        "        x = self.conv2d_1(x)  # image:8x8x8\n"
        "        x = torch.relu(x)  # image:8x8x8\n"
        "        x1 = self.linear_1(x)  # image:8x8x8\n"
        "        x = torch.add(x1, x)  # image:8x8x8\n"
        "        return x\n"
    )


def test_with_a_head_the_names_are_those_of_attach_head() -> None:
    written = series(tokens(5, 4), ("linear", 8), ("norm",))
    network = attach_head(build_module(written, 0), written.output[0], vector(3)).eval()
    printed = load(python_source(written, vector(3)))["Network"]().eval()
    printed.load_state_dict(network.state_dict())
    x = torch.randn(2, 5, 4)
    torch.testing.assert_close(printed(x), network(x))


def test_dense_heads_are_printed_too() -> None:
    written = series(image(3, 4, 4), ("conv2d", 8, 3))
    printed = load(python_source(written, image(2, 4, 4)))["Network"]()
    assert printed(torch.randn(1, 3, 4, 4)).shape == (1, 2, 4, 4)


def test_several_outputs_are_a_tuple() -> None:
    written = program(image(4, 2, 2), [("split", (2, 0), [INPUT])], [Ref(0, 1), Ref(0, 0)])
    x = torch.randn(1, 4, 2, 2)
    second, first = load(python_source(written))["Network"]()(x)
    assert torch.equal(torch.cat([first, second], 1), x)


def test_is_formatted_and_has_no_unused_names(tmp_path: Path) -> None:
    written = program(
        image(4, 8, 8),
        [
            ("im2col", (3,), [INPUT]),
            ("linear", (16,), [0]),
            ("col2im", (), [1]),
            ("std", (Symbol("group"),), [2]),
            ("safe_div", (), [2, 3]),
            ("signed_log", (), [4]),
            ("split", (2, 0), [5]),
            ("mul", (), [Ref(6, 0), Ref(6, 1)]),
        ],
    )
    path = tmp_path / "model.py"
    path.write_text(python_source(written, vector(10), note="x " * 200))
    for command in (["format", "--check"], ["check", "--select=E,F,I"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100", path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_kernel_of_every_primitive_can_be_printed() -> None:
    """Whatever a primitive runs, its source must stand on torch alone."""
    specs = [image(4, 8, 8), tokens(16, 8, (4, 4)), tokens(16, 1), vector(8)]
    printed = set()
    expressions = (
        (series(vector(8), ("linear", 8)), 2, 1),
        (series(tokens(16, 8), ("linear", 8)),),
    )
    given = ((), (2,), (2, 2), (0.5,), ("acb",), (2, 0), (Symbol("layer"),), *expressions)
    for name in all_primitives():
        for spec in specs:
            for args in given:
                try:
                    written = series(spec, (name, *args))
                except Exception:
                    continue
                load(python_source(written))
                printed.add(name)
    takes_two = {name for name, primitive in all_primitives().items() if primitive.arity[0] == 2}
    assert printed == set(all_primitives()) - takes_two


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (True, "True"),
        (0.5, "0.5"),
        (float("inf"), 'float("inf")'),
        (Symbol("layer"), '"layer"'),
        ('say "x"', "'say \"x\"'"),
        ((1, (2.0,)), "(1, (2.0,))"),
        (None, "None"),
    ],
)
def test_values_are_written_as_python(value: object, text: str) -> None:
    assert _value(value) == text


def test_other_values_are_refused() -> None:
    with pytest.raises(ExportError, match="cannot write"):
        _value(object())


def test_class_names_must_be_names() -> None:
    written = series(vector(2), ("relu",))
    with pytest.raises(ExportError, match="cannot be the name of a class"):
        python_source(written, class_name="A: pass\nimport os")


def test_five_thousand_calls_in_a_row() -> None:
    written = series(image(1, 2, 2), *[("relu",), ("sigmoid",)] * 2500)
    assert python_source(written).count("# image:1x2x2") == 5000
