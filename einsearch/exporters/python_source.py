"""Format `python`: a readable file that needs torch alone, beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from einsearch.exporters.base import SIGNATURE, Exporter, TrainedModel, compare
from einsearch.exporters.clean_process import answer_in_clean_process
from einsearch.exporters.registry import register
from einsearch.specs import AXES

SOURCE: Final = "model.py"
WEIGHTS: Final = "weights.safetensors"
README: Final = "README.txt"

_LOAD: Final = '''

def load(weights: str | None = None) -> Network:
    """The trained network in evaluation mode; weights from the file beside this one."""
    from pathlib import Path

    from safetensors.torch import load_file

    network = Network()
    path = weights or Path(__file__).with_name("weights.safetensors")
    network.load_state_dict(load_file(path))
    return network.eval()
'''

_STANDARDISE: Final = '''

MEAN = {mean}
DEVIATION = {deviation}


def standardise(raw: torch.Tensor) -> torch.Tensor:
    """Raw input (batch, {axes}) as the network wants it.

    Mean and standard deviation are those of the training data. Hand numbers of float64 over as
    they are: the mean is taken off before they become float32.
    """
    mean, deviation = (
        torch.tensor(figures, dtype=torch.float64, device=raw.device).view({view})
        for figures in (MEAN, DEVIATION)
    )
    return ((raw.double() - mean) / deviation).float()
'''

_RESTORE: Final = '''

TARGET_MEAN = {mean}
TARGET_DEVIATION = {deviation}


def restore(answer: torch.Tensor) -> torch.Tensor:
    """Answers of the network (batch, outputs) in the units of the targets, as float64."""
    mean, deviation = (
        torch.tensor(figures, dtype=torch.float64, device=answer.device)
        for figures in (TARGET_MEAN, TARGET_DEVIATION)
    )
    return answer.double() * deviation + mean
'''

_README: Final = (
    f"{SIGNATURE}\n"
    + """\

  model.py              its definition; needs torch alone
  weights.safetensors   its weights; the package safetensors reads them

Load and run it:

  import torch
  from model import {names}

  network = load()
  x = torch.randn(1, {shape}){comment}
  y = {answer}

Input  {input}, batch first{standard}.
Output {output}, batch first{restored}.
{architecture}"""
)

_SCRIPT: Final = """
import importlib.util, pathlib
path = pathlib.Path(sys.argv[1], "model.py")
spec = importlib.util.spec_from_file_location("model", path)
module = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(module)
answer(module.load(), sys.argv[2], sys.argv[3])
"""


@register
class PythonSource(Exporter):
    """`model.py`, `weights.safetensors` and `README.txt`."""

    name: ClassVar[str] = "python"

    def write(self, model: TrainedModel, folder: Path) -> None:
        from einsearch.compile.selecting import is_pruned
        from einsearch.compile.source import python_source
        from einsearch.exporters.weights import save_weights

        source = python_source(
            model.program,
            model.output,
            note=model.architecture,
            pruned=is_pruned(model.ready()),
        )
        text = source + _LOAD + _standardise(model) + _restore(model)
        (folder / SOURCE).write_text(text, encoding="utf-8")
        (folder / README).write_text(_readme(model), encoding="utf-8")
        save_weights(model, folder / WEIGHTS)

    def verify(self, model: TrainedModel, folder: Path) -> None:
        x = model.random_input()
        compare(SOURCE, answer_in_clean_process(_SCRIPT, folder, x), model.answer(x))


def _moments(model: TrainedModel) -> tuple[list[float], list[float]] | None:
    """Mean and deviation of the raw input, where the task tells them for every feature."""
    mean, deviation = model.task.get("mean"), model.task.get("deviation")
    if not mean or not deviation or not len(mean) == len(deviation) == model.input.features:
        return None
    return [float(value) for value in mean], [float(value) for value in deviation]


def _target_moments(model: TrainedModel) -> tuple[list[float], list[float]] | None:
    """Mean and deviation of the raw targets of a regression."""
    mean, deviation = model.task.get("target_mean"), model.task.get("target_deviation")
    if not mean or not deviation or not len(mean) == len(deviation) == model.output.features:
        return None
    return [float(value) for value in mean], [float(value) for value in deviation]


def _restore(model: TrainedModel) -> str:
    moments = _target_moments(model)
    return "" if moments is None else _RESTORE.format(mean=moments[0], deviation=moments[1])


def _standardise(model: TrainedModel) -> str:
    moments = _moments(model)
    if moments is None:
        return ""
    view = ["1"] * (model.input.rank + 1)
    view[model.input.feature_axis + 1] = "-1"
    axes = ", ".join(AXES[model.input.layout])
    mean, deviation = moments
    return _STANDARDISE.format(mean=mean, deviation=deviation, view=", ".join(view), axes=axes)


def _readme(model: TrainedModel) -> str:
    raw, restored = _moments(model) is not None, _target_moments(model) is not None
    answer = "network(standardise(x))" if raw else "network(x)"
    names = ["load", *["restore"] * restored, *["standardise"] * raw]
    return _README.format(
        names=", ".join(names),
        shape=", ".join(map(str, model.input.shape)),
        comment="  # raw data" if raw else "",
        answer=f"restore({answer})" if restored else answer,
        input=model.input,
        standard=", standardised" if raw else "",
        output=model.output,
        restored=", standardised until restored" if restored else "",
        architecture=f"\nArchitecture:\n\n{model.architecture}\n" if model.architecture else "",
    )
