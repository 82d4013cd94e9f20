r"""Least squares of several targets on features, held by a ridge that generalised cross-validation may choose.

With the features standardised to $Z$ (n, H), $Z = U\,\mathrm{diag}(\sigma)\,W^T$, and the targets centred to $M$, the
change $D$ of $\min_D\lVert M - ZD\rVert^2 + \lambda n\lVert D\rVert^2$ leaves the share
$s_i = n\lambda/(\sigma_i^2 + n\lambda)$ of direction i. Its score (Golub, Heath & Wahba 1979) is

$$\mathrm{GCV}(\lambda) = \frac{n\,\lVert M - ZD\rVert^2}{\big(n - 1 - \sum_i(1 - s_i)\big)^2},$$

the squared error of leaving one sequence out, with every leverage at its mean (1 is what the means take away). It needs
the fitted sequences alone, and one singular value decomposition for all λ.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats

RIDGES = tuple(10.0**exponent for exponent in range(-16, 3))
"""The λ that are tried."""
STILL = 1e-9
"""Features that move less than this share of their size stand still: what they seem to tell is rounding."""


def ridge_fit(features: Floats, targets: Floats, ridge: float | None) -> tuple[Floats, Floats, float]:
    """Weights (targets, H), offset (targets,) and λ of the closest affine map from features (n, H) to targets (n, …).

    Parameters
    ----------
    ridge
        λ, or None: the one of `RIDGES` with the smallest generalised cross-validation score, the smallest where
        several have it.

    Raises
    ------
    ValueError
        λ is not positive, or so few sequences that nothing is left to judge it by (fewer than 3).
    """
    if ridge is not None and not ridge > 0:
        msg = f"the ridge must be positive, got {ridge}: without it features that stand still leave the readout open"
        raise ValueError(msg)
    count, usual, offset = len(features), features.mean(axis=0), targets.mean(axis=0)
    spread = features.std(axis=0)
    spread = np.where(spread > STILL * np.abs(features).max(axis=0), spread, np.inf)  # no weight where nothing moves
    left, singular, right = np.linalg.svd((features - usual) / spread, full_matrices=False)
    moments = left.T @ (targets - offset)
    if ridge is None:
        ridge = _chosen(singular, moments, targets - offset - left @ moments)
    weights = (right.T @ ((singular / (singular**2 + count * ridge))[:, None] * moments)).T / spread
    return weights, offset - weights @ usual, ridge


def _chosen(singular: Floats, moments: Floats, beyond: Floats) -> float:
    count = len(beyond)
    if count < 3:
        msg = f"{count} sequences tell nothing about the ridge: give one, or at least 3 sequences"
        raise ValueError(msg)
    # A direction without features (the means took one away) is not fitted at all: its share is 1.
    seen = singular > np.finfo(np.float64).eps * max(count, len(singular)) * singular.max()
    unseen = count - 1 - int(seen.sum())
    sizes, rest = (moments**2).sum(axis=1), float((beyond**2).sum()) if unseen > 0 else 0.0
    scores = []
    for ridge in RIDGES:
        left_over = np.where(seen, count * ridge / (singular**2 + count * ridge), 1.0)
        missed = float((left_over**2 * sizes).sum()) + rest
        scores.append(count * missed / (unseen + float(left_over[seen].sum())) ** 2)
    return RIDGES[int(np.argmin(scores))]
