"""The probe of turns: its optimum against torch, its score by hand, and features in which no turn shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidrobust.plugins.unknown import study as turns
from vidrobust.plugins.unknown.study import RotationProbe, softmax_regression


def test_the_regression_is_that_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "STEPS", 500)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((80, 3)), rng.integers(0, 4, 80)
    x[:, 0] += y
    weights = torch.zeros(4, 4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )
    inputs, target = torch.from_numpy(x), torch.from_numpy(y)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(inputs @ weights[:-1] + weights[-1], target)
        loss = loss + turns.DECAY / 2 * weights[:-1].square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    assert softmax_regression(x, y, 4) == pytest.approx(weights.detach().numpy(), abs=1e-3)


def test_the_score_by_hand() -> None:
    """Weights that give each turn the probability 0.7 of itself: the score is -log 0.7 whichever way up."""
    probe = RotationProbe(np.zeros(4), np.ones(4), np.vstack([np.log(7) * np.eye(4), np.zeros(4)]))
    turned = np.eye(4)[None].repeat(3, axis=0)
    assert probe(turned) == pytest.approx([-np.log(0.7)] * 3)
    assert probe.right(turned) == pytest.approx([1.0] * 3)


def test_turns_that_show_are_told_and_others_not() -> None:
    rng = np.random.default_rng(1)
    plain = rng.standard_normal((60, 4, 10))
    shown = plain + 2 * np.eye(4, 10)[None]
    assert RotationProbe.fitted(shown[:40]).right(shown[40:]).mean() > 0.7
    assert RotationProbe.fitted(plain[:40]).right(plain[40:]).mean() == pytest.approx(
        0.25, abs=0.12
    )
