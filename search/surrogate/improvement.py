"""Expected hypervolume improvement in closed form, where one objective is uncertain and the others are known.

Only the quality of a genome is unknown before it is trained; its costs are exact. The expectation is therefore an
integral over one normal variable. A candidate with cost c and quality t adds the volume

    integral over q from t to the reference of A(q) dq,

where A(q) is the volume that c adds to the costs of the frontier's points of quality q or better. A is a step function
of q, so the expectation is a sum over the points of the frontier.

N candidates, K points of the frontier, D known objectives. All objectives are minimised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


def expected_improvement(
    mean_N: Floats, deviation_N: Floats, costs_ND: Floats, front_K: Floats, front_KD: Floats, reference: Floats
) -> Floats:
    """Return the expected gain in hypervolume of each candidate, (N,).

    Args:
        mean_N, deviation_N: mean and standard deviation of the quality of each candidate.
        costs_ND: the known objectives of each candidate.
        front_K, front_KD: quality and known objectives of the points on the frontier.
        reference: the far corner of the box, (1 + D): quality first.
    """
    order = np.argsort(front_K, kind="stable")
    front_K, front_KD = front_K[order], front_KD[order]
    edges = np.append(np.minimum(front_K, reference[0]), reference[0])
    below_EN = np.stack([_mean_shortfall(edge, mean_N, deviation_N) for edge in edges])
    widths_EN = np.diff(below_EN, axis=0, prepend=0.0)
    gain_N = np.zeros_like(mean_N)
    for k, width_N in enumerate(widths_EN):
        if width_N.any():
            gain_N += width_N * added_volume(costs_ND, front_KD[:k], reference[1:])
    return gain_N


def added_volume(costs_ND: Floats, points_KD: Floats, reference_D: Floats) -> Floats:
    """Return the volume that each candidate alone would add to what the points dominate, (N,).

    Without known objectives, D = 0, a candidate adds 1 to no points and 0 to any.
    """
    if costs_ND.shape[1] == 0:
        return np.full(len(costs_ND), 0.0 if len(points_KD) else 1.0)
    if costs_ND.shape[1] == 1:
        nearest = min(points_KD[:, 0].min(initial=np.inf), reference_D[0])
        length_N: Floats = np.maximum(0.0, nearest - costs_ND[:, 0])
        return length_N
    order = np.argsort(points_KD[:, -1], kind="stable")
    points_KD = points_KD[order]
    edges = np.append(np.minimum(points_KD[:, -1], reference_D[-1]), reference_D[-1])
    own_N = costs_ND[:, -1]
    volume_N, above = np.zeros(len(costs_ND)), -np.inf
    for k, edge in enumerate(edges):
        if edge > above:
            thickness_N = np.maximum(0.0, edge - np.maximum(own_N, above))
            volume_N += thickness_N * added_volume(costs_ND[:, :-1], points_KD[:k, :-1], reference_D[:-1])
        above = edge
    return volume_N


def _mean_shortfall(edge: float, mean_N: Floats, deviation_N: Floats) -> Floats:
    """Return the expectation of max(0, edge - quality)."""
    u_N = (edge - mean_N) / deviation_N
    density_N = np.exp(-0.5 * u_N * u_N) / np.sqrt(2 * np.pi)
    shortfall_N: Floats = deviation_N * (u_N * ndtr(u_N) + density_N)
    return shortfall_N
