"""Format `python`: a readable file that needs torch alone, beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from einsearch.exporters.base import SIGNATURE, Exporter, TrainedModel, compare
from einsearch.exporters.clean_process import answer_in_clean_process
from einsearch.exporters.registry import register
from einsearch.exporters.rows_source import example_row, rows_source
from einsearch.exporters.symbols_source import example_sequence, symbols_source
from einsearch.primitives.training import head_of, told
from einsearch.specs import AXES, Layout
from einsearch.tasks.base import Loss

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
    network.register_forward_pre_hook(lambda _, given: batched(given[0]))  # checks the shape
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
    raw = batched(raw)
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
        torch.tensor(figures, dtype=torch.float64, device=answer.device){view}
        for figures in (TARGET_MEAN, TARGET_DEVIATION)
    )
    return answer.double() * deviation + mean
'''

_PREDICT: Final = '''

SHAPE = {shape}  # of one example: {axes}
CLASSES = {classes}  # in the order of the outputs
COLUMNS = {columns}  # of the input, in their order
TARGETS = {targets}
_LOADED: list[Network] = []


def batched(raw) -> torch.Tensor:
    """Raw data as a tensor (batch, {axes}); one example may come without the batch.

    Raises ValueError where they have another shape.
    """
    x = torch.as_tensor(raw)
    x = x.unsqueeze(0) if x.dim() == len(SHAPE) else x
    if tuple(x.shape[1:]) != SHAPE:
        is_last = len(SHAPE) > 1 and tuple(x.shape[1:]) == (*SHAPE[1:], SHAPE[0])
        hint = "; the first axis is the last there: use numpy.moveaxis(raw, -1, 1)"
        found = f"not {{tuple(x.shape[1:])}}{{hint if is_last else ''}}"
        raise ValueError(f"expected examples ({axes}) of shape {{SHAPE}}, {{found}}")
    return x


def predict(raw, network: Network | None = None):
    """What the network says of raw data: {what}.

    {takes}. Of a batch it gives a list,
    of one example its only entry. The network is the one of `load` where none is given.
    """
    if network is None:
        _LOADED[:] = _LOADED or [load()]
        network = _LOADED[0]
    x = {read}
    with torch.no_grad():
        answers = {answer}
    found = {found}
    return found[0] if {is_one} else found


def _named(indices):
    """Names of classes, in lists as deep as the numbers are."""
    return [_named(part) for part in indices] if isinstance(indices, list) else CLASSES[indices]
'''

_ARRAYS: Final = "Takes a batch or one example, as a tensor, an array or a list"
_ROWS: Final = "Takes rows of a table as `encode` does"
_SYMBOLS: Final = "Takes sequences of symbols as `encode` does"

_README: Final = (
    f"{SIGNATURE}\n"
    + """\

  model.py              its definition; needs torch alone
  weights.safetensors   its weights; the package safetensors reads them

Load and run it:

  import torch
  from model import {names}

  network = load()
  x = {made}{comment}
  y = {answer}

or, with {what} as answers, of a batch or of one example:

  from model import predict

  print(predict({row}))

Input  {input}, batch first{standard}.
Output {output}, batch first{restored}.
{told}
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
        from einsearch.exporters.weights import save_weights

        source = _definitions(model)
        rows = rows_source(codes) if (codes := _codes(model)) else ""
        rows += symbols_source(kind, _vocabulary(model)) if (kind := _symbols(model)) else ""
        text = source + _LOAD + _standardise(model) + _restore(model) + rows + _predict(model)
        (folder / SOURCE).write_text(text, encoding="utf-8")
        (folder / README).write_text(_readme(model), encoding="utf-8")
        save_weights(model, folder / WEIGHTS)

    def verify(self, model: TrainedModel, folder: Path) -> None:
        x = model.random_input()
        compare(SOURCE, answer_in_clean_process(_SCRIPT, folder, x), model.answer(x))


def _definitions(model: TrainedModel) -> str:
    """Source of the classes."""
    from einsearch.compile.blending import Blend
    from einsearch.compile.selecting import is_pruned
    from einsearch.compile.source import average_source, python_source

    ready = model.ready()
    if not isinstance(ready, Blend):
        pruned = is_pruned(ready)
        return python_source(model.program, model.output, note=model.architecture, pruned=pruned)
    members = list(zip(model.programs, map(is_pruned, ready.members), strict=True))
    return average_source(members, ready.shares, ready.kind, model.output, note=model.architecture)


def _moments(model: TrainedModel) -> tuple[list[float], list[float]] | None:
    """Mean and deviation of the raw input, where the task tells them for every feature."""
    mean, deviation = model.task.get("mean"), model.task.get("deviation")
    if (
        _symbols(model)
        or not mean
        or not deviation
        or not len(mean) == len(deviation) == model.input.features
    ):
        return None
    return [float(value) for value in mean], [float(value) for value in deviation]


def _target_moments(model: TrainedModel) -> tuple[list[float], list[float]] | None:
    """Mean and deviation of the raw targets of a regression."""
    mean, deviation = model.task.get("target_mean"), model.task.get("target_deviation")
    if not mean or not deviation or not len(mean) == len(deviation) == model.output.features:
        return None
    return [float(value) for value in mean], [float(value) for value in deviation]


def _codes(model: TrainedModel) -> list[Mapping[str, Any]]:
    """How the columns of a table become features; nothing where the input is as the data have
    it."""
    return list(model.task.get("encoding") or ())


def _symbols(model: TrainedModel) -> str:
    """What one symbol of a sequence is; empty where the input is none."""
    return str(model.task.get("symbols") or "")


def _vocabulary(model: TrainedModel) -> tuple[str, ...]:
    """What the codes of the input stand for."""
    return tuple(map(str, model.task.get("vocabulary") or ()))


def _columns(model: TrainedModel) -> tuple[str, ...]:
    """Names of the columns that `predict` takes."""
    codes = _codes(model)
    if codes:
        return tuple(str(code["column"]) for code in codes)
    return _names(model, "columns", model.input.features)


def _restore(model: TrainedModel) -> str:
    moments = _target_moments(model)
    view = ".view(-1, 1, 1)" if model.output.layout is Layout.IMAGE else ""
    if moments is None:
        return ""
    return _RESTORE.format(mean=moments[0], deviation=moments[1], view=view)


def _standardise(model: TrainedModel) -> str:
    moments = _moments(model)
    if moments is None:
        return ""
    view = ["1"] * (model.input.rank + 1)
    view[model.input.feature_axis + 1] = "-1"
    axes = ", ".join(AXES[model.input.layout])
    mean, deviation = moments
    return _STANDARDISE.format(mean=mean, deviation=deviation, view=", ".join(view), axes=axes)


def _names(model: TrainedModel, key: str, count: int) -> tuple[str, ...]:
    """Names that the task tells, where there are as many as wanted."""
    found = model.task.get(key)
    is_whole = isinstance(found, list | tuple) and len(found) == count
    return tuple(map(str, found)) if is_whole and found is not None else ()


def _classes(model: TrainedModel) -> tuple[str, ...]:
    """Names of the outputs of a classification."""
    count = model.output.features
    named = _names(model, "classes", count)
    # The vocabulary is that of the answers only where these are the next symbols.
    return named if named or _symbols(model) else _names(model, "vocabulary", count)


def _predict(model: TrainedModel) -> str:
    raw, restored = _moments(model) is not None, _target_moments(model) is not None
    classes = _classes(model)
    answer = "network(standardise(x))" if raw else "network(x.float())"
    what = "names of classes" if classes else "numbers in the units of the targets"
    is_rows = bool(_codes(model) or _symbols(model))
    return _PREDICT.format(
        takes=_SYMBOLS if _symbols(model) else _ROWS if is_rows else _ARRAYS,
        read="encode(raw)" if is_rows else "batched(raw)",
        is_one="_is_row(raw)" if is_rows else "torch.as_tensor(raw).dim() == len(SHAPE)",
        shape=tuple(model.input.shape),
        axes=", ".join(AXES[model.input.layout]),
        classes=classes,
        columns=_columns(model),
        targets=_names(model, "targets", model.output.features),
        what=what if classes or restored else "the answers of the network",
        answer=f"restore({answer})" if restored else answer,
        found=_found(model),
    )


def _found(model: TrainedModel) -> str:
    """What becomes of the answers of the network, as Python."""
    if not _classes(model):
        return "answers.tolist()"
    if model.task.get("loss") == Loss.BINARY_CROSS_ENTROPY:
        return "[[CLASSES[n] for n, a in enumerate(row) if a > 0] for row in answers.tolist()]"
    axis = 1 if model.output.layout is Layout.IMAGE else -1
    return f"_named(answers.argmax({axis}).tolist())"


def _readme_names(model: TrainedModel) -> str:
    """Lines of names, as far as there are some, and what the network costs."""
    rows = (
        ("Classes", _classes(model)),
        ("Columns", _columns(model)),
        ("Targets", _names(model, "targets", model.output.features)),
    )
    lines = [f"{label}: {', '.join(map(_shown, names))}." for label, names in rows if names]
    weights = sum(p.numel() for p in model.ready().parameters())
    memory = f"{model.activation_memory:,} bytes of activations in training"
    lines.append(f"Size: {weights:,} parameters; {model.flops:,} FLOPs and {memory} an example.")
    return "\n".join(lines)


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else " " for c in name)


def _comment(model: TrainedModel) -> str:
    """What `x` is in the lines of the README."""
    if _codes(model):
        return "  # as encode(rows) gives it"
    if _symbols(model):
        return "  # codes, as encode(sequences) gives them"
    return "  # raw data" if _moments(model) is not None else ""


def _row(model: TrainedModel) -> str:
    """What the README hands over to `predict`."""
    codes = _codes(model)
    if codes:
        return f"[{example_row(codes)!a}]"
    if _symbols(model):
        return f"[{example_sequence(_symbols(model), _vocabulary(model))!a}]"
    return _made(model)


def _made(model: TrainedModel) -> str:
    """An input of the network in the README."""
    shape = ", ".join(map(str, model.input.shape))
    if _symbols(model):
        return f"torch.randint({len(_vocabulary(model))}, (1, {shape})).float()"
    return f"torch.randn(1, {shape})"


def _readme_architecture(model: TrainedModel) -> str:
    if not model.architecture:
        return ""
    settings, network = head_of(model.architecture)
    trained = f"\nTrained with {told(settings)}.\n" if settings else ""
    return f"\n{_heading(model)}:\n\n{network}\n{trained}"


def _readme(model: TrainedModel) -> str:
    raw, restored = _moments(model) is not None, _target_moments(model) is not None
    answer = "network(standardise(x))" if raw else "network(x)"
    names = ["load", *["restore"] * restored, *["standardise"] * raw]
    return _README.format(
        names=", ".join(names),
        made=_made(model),
        comment=_comment(model),
        row=_row(model),
        answer=f"restore({answer})" if restored else answer,
        input=model.input,
        standard=", standardised" if raw else "",
        output=model.output,
        told=_readme_names(model),
        what="names" if _classes(model) else "plain numbers",
        restored=", standardised until restored" if restored else "",
        architecture=_readme_architecture(model),
    )


def _heading(model: TrainedModel) -> str:
    count = len(model.programs)
    return "Architecture" if count == 1 else f"The average of {count} networks, by their shares"
