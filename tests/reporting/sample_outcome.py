"""An outcome of skeletal table 3 with two seeds, made up, for the tests of reporting."""

from __future__ import annotations

from repro.reporting.outcome import Outcome, RunOutcome

PCKH = {"hrnet": (0.40, 0.42), "attention": (0.43, 0.46), "attention-weighted": (0.42, 0.45)}


def make_outcome() -> Outcome:
    """Three rows, seeds 0 and 1; PCKh@0.5 as in ``PCKH``, PCKh@0.1 a tenth of it."""
    runs = []
    for row, values in PCKH.items():
        for seed, value in enumerate(values):
            metrics = {
                "pckh@0.5": value,
                "pckh@0.1": value / 10,
                "OKS": value + 0.1,
                "OKS/left_hip": 0.5,
                "AP_M": float("nan"),
            }
            curve = [{"persons": n, "pckh@0.5": value * n / 200, "OKS": value * n / 200} for n in (100, 200)]
            runs.append(
                RunOutcome(
                    row=row,
                    seed=seed,
                    recipe={"type": "Recipe"},
                    key=f"{row}-{seed}",
                    training_key=f"{row}-{seed}",
                    metrics=metrics,
                    curve=curve,
                    seconds=1.0,
                )
            )
    return Outcome("skeletal", 3, "smoke", "lspet", 4, tuple(runs))
