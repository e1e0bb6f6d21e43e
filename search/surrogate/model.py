"""The surrogate: a Gaussian process that predicts the quality of a genome from its features.

N outcomes, M genomes to predict, F features.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel

Floats = NDArray[np.float64]

SEARCHED = 200
"""Outcomes from which the kernel's parameters are found; the time to find them grows with their third power."""

CONDITIONED = 1000
"""Outcomes that a prediction is conditioned on, the latest ones of a longer search."""


class Prediction(NamedTuple):
    """The predicted quality of M genomes.

    Attributes:
        deviation: standard deviation of the mean over trainings of a genome.
        noise: standard deviation of one training around that mean.
    """

    mean: Floats
    deviation: Floats
    noise: float


class Surrogate:
    """A Gaussian process with a linear and a Matérn-5/2 kernel over standardised features, and noise.

    Args:
        theta: logarithms of the kernel's parameters, as `search_parameters` returned them; None before.
    """

    def __init__(self, theta: list[float] | None = None) -> None:
        self.theta = theta

    def search_parameters(self, x_NF: Floats, y_N: Floats) -> None:
        """Set the kernel's parameters to the most likely ones under the latest outcomes."""
        x_NF, y_N = x_NF[-SEARCHED:], y_N[-SEARCHED:]
        process = GaussianProcessRegressor(_kernel(), normalize_y=True, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound is an answer
            process.fit(_Scale(x_NF)(x_NF), y_N)
        self.theta = [float(value) for value in process.kernel_.theta]

    def predict(self, x_NF: Floats, y_N: Floats, pending_PF: Floats, x_MF: Floats) -> Prediction:
        """Predict the quality of M genomes from N outcomes.

        Args:
            pending_PF: genomes that train now; each counts as an outcome of its own prediction, so that the
                uncertainty near it is less, and its quality is no surprise.
        """
        x_NF, y_N = x_NF[-CONDITIONED:], y_N[-CONDITIONED:]
        scale = _Scale(x_NF)
        process = self._conditioned(scale(x_NF), y_N)
        if len(pending_PF):
            y_P = process.predict(scale(pending_PF))
            process = self._conditioned(scale(np.vstack([x_NF, pending_PF])), np.append(y_N, y_P))
        mean_M, total_M = process.predict(scale(x_MF), return_std=True)
        noise = float(np.sqrt(process.kernel_.k2.noise_level)) * float(process._y_train_std)
        return Prediction(mean_M, np.sqrt(np.maximum(total_M**2 - noise**2, 1e-12)), noise)

    def _conditioned(self, x_NF: Floats, y_N: Floats) -> GaussianProcessRegressor:
        kernel = _kernel() if self.theta is None else _kernel().clone_with_theta(np.array(self.theta))
        return GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(x_NF, y_N)


def _kernel() -> ConstantKernel:
    linear = ConstantKernel(0.1, (1e-4, 1e2)) * DotProduct(1.0, "fixed")
    smooth = ConstantKernel(1.0, (1e-3, 1e2)) * Matern(5.0, (1.0, 1e2), nu=2.5)
    return (linear + smooth) + WhiteKernel(0.05, (1e-4, 1.0))


class _Scale:
    """Standardises features by their mean and standard deviation over N outcomes; a constant feature is left."""

    def __init__(self, x_NF: Floats) -> None:
        self._mean_F = x_NF.mean(0)
        deviation_F = x_NF.std(0)
        self._deviation_F = np.where(deviation_F > 1e-9, deviation_F, 1.0)

    def __call__(self, x_MF: Floats) -> Floats:
        scaled: Floats = (x_MF - self._mean_F) / self._deviation_F
        return scaled
