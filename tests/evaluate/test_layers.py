"""Layers inside of anchors: what is put together, what the two filters reject, what is scored."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import einsearch as es
from einsearch.errors import EinsearchError, Reject
from einsearch.evaluate.candidate import Job, Outcome, evaluate_candidate
from einsearch.evaluate.config import TrainingConfig
from einsearch.evaluate.layers.anchors import ANCHORS, PLAIN, Anchor
from einsearch.evaluate.layers.filters import convolutions, gradient_norm, worst_gradient
from einsearch.evaluate.layers.score import Filter, LayerScore, filter_of
from einsearch.evaluate.network import build_network
from einsearch.grammar.load import load_grammar_text
from einsearch.study.objective import evaluate_objective
from einsearch.tasks.base import Task
from einsearch.tasks.registry import make_task
from einsearch.trial import TrialState
from tests.evaluate.faulty import register_faulty

BN_RELU = "batch_norm >> relu"
SMALL = Anchor("small", "conv2d(8, 3) >> layer >> conv2d(8, 3, stride=2) >> layer")
OTHER = Anchor("other", "conv2d(8, 3) >> (layer >> conv2d(8, 3), identity) >> add")
TRAINING = TrainingConfig(epochs=4, batch=32, optimizer="sgd", lr=0.1)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task({"name": "bars", "train": 128}, Path())


def scored(task: Task, **changes: float) -> LayerScore:
    return LayerScore(task, (SMALL, OTHER), TRAINING, stability_steps=3, **changes)  # type: ignore[arg-type]


class TestAnchors:
    @pytest.mark.parametrize("anchor", ANCHORS.values(), ids=ANCHORS)
    def test_every_one_holds_every_kind_of_layer(self, anchor: Anchor) -> None:
        places = anchor.text.split().count("layer") + anchor.text.count("(layer")
        before = anchor.with_layer("identity", es.image(1, 8, 8)).calls
        after = anchor.with_layer(BN_RELU, es.image(1, 8, 8)).calls
        names = [call.primitive.name for call in after]
        assert names.count("batch_norm") == names.count("relu") == places >= 4
        assert [c.primitive.name for c in before if c.primitive.name == "conv2d"] == [
            name for name in names if name == "conv2d"
        ]
        block = "{ n1 = in >> sigmoid  out = (in, n1) >> mul }"
        assert len(anchor.with_layer(block, es.image(1, 8, 8)).calls) > len(before)

    def test_one_without_a_place(self) -> None:
        with pytest.raises(EinsearchError, match="no place for a layer: write `layer`"):
            Anchor("empty", "conv2d(8, 3) >> layer_norm")

    def test_a_layer_with_a_backslash_of_its_own_is_refused_by_the_parser(self) -> None:
        with pytest.raises(EinsearchError):
            PLAIN.with_layer(r"\g<0>", es.image(1, 8, 8))


class TestStability:
    def test_the_norm_is_that_of_the_gradient(self, task: Task) -> None:
        network = build_network(SMALL.with_layer(BN_RELU, task.input), task, 0)
        x, y = torch.from_numpy(task.train.x[:16]), torch.from_numpy(task.train.y[:16])
        found = gradient_norm(network, convolutions(network), x, y)
        nn.functional.cross_entropy(network(x), y).backward()
        kernels = [m.weight.grad for m in network.modules() if isinstance(m, nn.Conv2d)]
        assert len(kernels) == 2
        flat = torch.cat([gradient.flatten() for gradient in kernels if gradient is not None])
        assert math.isclose(float(found.detach()), float(flat.norm()), rel_tol=1e-4)

    def test_ascent_drives_it_up_and_the_bound_ends_it(self, task: Task) -> None:
        def worst(**given: float) -> float:
            network = build_network(SMALL.with_layer(BN_RELU, task.input), task, 0)
            return worst_gradient(network, task, **given)  # type: ignore[arg-type]

        first, tenth = worst(steps=1), worst(steps=10)
        assert 0 < first < tenth < 1e8
        assert worst(steps=10, bound=first * 1.01) < tenth

    def test_what_explodes_is_found(self, task: Task) -> None:
        """Squares of squares: the gradient grows without any bound."""
        layer = "square >> square >> square"
        network = build_network(SMALL.with_layer(layer, task.input), task, 0)
        calm = build_network(SMALL.with_layer(BN_RELU, task.input), task, 0)
        assert worst_gradient(network, task, steps=30) > 1e8
        assert worst_gradient(calm, task, steps=30) < 1e4

    @pytest.mark.parametrize("anchor", ANCHORS.values(), ids=ANCHORS)
    def test_batch_norm_and_relu_are_stable_in_every_anchor(
        self, anchor: Anchor, task: Task
    ) -> None:
        network = build_network(anchor.with_layer(BN_RELU, task.input), task, 0)
        assert worst_gradient(network, task, steps=100, batch=8) < 1e5

    def test_convolutions_and_the_layer_move_and_the_head_does_not(self, task: Task) -> None:
        network = build_network(SMALL.with_layer(BN_RELU, task.input), task, 0)
        before = {name: p.detach().clone() for name, p in network.named_parameters()}
        worst_gradient(network, task, steps=3)
        moved = {name for name, p in network.named_parameters() if not p.equal(before[name])}
        parts = {name.removeprefix("backbone.") for name in moved}
        assert {f"batch_norm_{n}.{kind}" for n in (1, 2) for kind in ("weight", "bias")} <= parts
        assert {f"conv2d_{n}.weight" for n in (1, 2)} <= parts
        assert not any(name.startswith("head.") for name in moved)
        assert any(name.startswith("head.") for name in before)

    @pytest.mark.parametrize(
        "other",
        ["selective_scan(4)", "im2col(1) >> attention(2)", "im2col(1) >> attention(2, window=3)"],
    )
    def test_anchors_may_hold_what_is_not_differentiated_twice_by_itself(
        self, task: Task, other: str
    ) -> None:
        anchor = Anchor("own", f"conv2d(8, 3, stride=2) >> layer >> ({other}) >> layer")
        network = build_network(anchor.with_layer(BN_RELU, task.input), task, 0)
        first = worst_gradient(network, task, steps=1)
        assert 0 < first < worst_gradient(network, task, steps=5) < math.inf

    def test_a_network_without_convolutions(self, task: Task) -> None:
        with pytest.raises(EinsearchError, match="none here"):
            worst_gradient(nn.Flatten(), task)


class TestScore:
    def test_each_anchor_has_the_accuracy_of_training_in_one_go(self, task: Task) -> None:
        found = scored(task).score(BN_RELU)
        whole = scored(task, quality_epochs=4).score(BN_RELU)
        assert found == whole
        assert set(found) == {"small", "other"}
        assert all(0.2 < accuracy <= 1 for accuracy in found.values())

    def test_what_an_anchor_must_reach_is_a_fifth(self, task: Task) -> None:
        score = LayerScore(task, (SMALL,), TRAINING)
        assert (score.quality, score.quality_epochs, score.stability) == (0.2, 2, 1e8)

    def test_a_derivation_is_scored_by_its_text(self, task: Task) -> None:
        grammar = load_grammar_text("language 1\nstart a\na = batch_norm >> relu\n", "l.ein")
        layer = grammar.sample(es.image(8, 8, 8), seed=0)
        assert scored(task)(layer) == scored(task).score(BN_RELU)

    @pytest.mark.parametrize(
        ("layer", "changes", "reason"),
        [
            (BN_RELU, {"quality": 1.1}, "quality: small has an accuracy of "),
            ("exp >> exp", {}, "quality: small: not-finite: "),
            (BN_RELU, {"stability": 1e-3}, "stability: gradients of small reach "),
        ],
    )
    def test_what_is_rejected(
        self, task: Task, layer: str, changes: dict[str, float], reason: str
    ) -> None:
        with pytest.raises(Reject) as caught:
            scored(task, **changes).score(layer)
        assert str(caught.value).startswith(reason)
        assert filter_of(str(caught.value)) == Filter(reason.split(":", 1)[0])

    @pytest.mark.parametrize(
        ("label", "reason"),
        [
            ("raises", "error: small: RuntimeError: the sizes of a and b differ (in raises)"),
            ("hog", "out-of-memory: small: "),
            ("liar", "shape-mismatch: small: "),
        ],
    )
    def test_what_is_no_matter_of_quality_fails_the_trial(
        self, task: Task, monkeypatch: pytest.MonkeyPatch, label: str, reason: str
    ) -> None:
        register_faulty(monkeypatch)
        result = evaluate_objective(scored(task), SimpleNamespace(text=label), "score")
        assert result.state is TrialState.FAILED
        assert result.reason.startswith(reason)
        assert filter_of(result.reason) is None

    @pytest.mark.parametrize(
        ("reason", "state", "expected"),
        [
            ("time-limit: 9 s", TrialState.FAILED, "time-limit: small: 9 s"),
            ("not-finite: loss", TrialState.REJECTED, "quality: small: not-finite: loss"),
        ],
    )
    def test_failures_later_in_training_are_told_apart_too(
        self,
        task: Task,
        monkeypatch: pytest.MonkeyPatch,
        reason: str,
        state: TrialState,
        expected: str,
    ) -> None:
        def fail_later(job: Job, task: Task) -> Outcome:
            if job.checkpoint is None:
                return evaluate_candidate(job, task)
            return Outcome(TrialState.FAILED, reason)

        monkeypatch.setattr(f"{LayerScore.__module__}.evaluate_candidate", fail_later)
        result = evaluate_objective(scored(task), SimpleNamespace(text=BN_RELU), "score")
        assert (result.state, result.reason) == (state, expected)

    def test_screening_trains_a_few_epochs_and_asks_both_filters(self, task: Task) -> None:
        begun = scored(task).screen(BN_RELU)
        epochs = {name: outcome.epochs for name, (_, outcome) in begun.items()}
        assert epochs == {"small": 2, "other": 2}
        with pytest.raises(Reject, match="stability"):
            scored(task, stability=1e-3).screen(BN_RELU)

    def test_other_reasons_are_no_filter(self) -> None:
        assert filter_of("something else: x") is None
