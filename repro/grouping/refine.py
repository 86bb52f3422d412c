"""Sub-pixel refinement: a Gaussian fitted to the heat around a keypoint (hgr's released code; the paper is silent).

The released code fits A exp(-((x - x0)^2 + (y - y0)^2) / (2 s^2)) by SciPy's curve_fit in a window of +-6 px of the map that is
up-sampled to the input. Here all windows are fitted at once: a log-quadratic fit, exact for a Gaussian, gives the start of
Levenberg-Marquardt steps on the same squares. The released code exchanges the axes of windows that a border cuts, and is
then wrong by up to 2 px; here such windows are merely smaller.
"""

from __future__ import annotations

import torch
from torch import Tensor

from repro.grouping.sampling import values_between

WIDEST = 10  # halves of the window: a Gaussian with a larger s is flat in the window and has no peak to speak of


def windows(
    heatmaps: Tensor, channels: Tensor, starts: Tensor, *, half: int, stride: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The heat around keypoints on the grid of input px, as bilinear up-sampling shows it.

    Args:
        heatmaps: (K, H, W).
        channels: (N,) int64.
        starts: (N, 2) x, y in input px; rounded to whole px.
        half: the window spans S = 2 * half + 1 px.
        stride: input px a map px.

    Returns:
        line (S,) of px about the rounded starts, values (N, S, S), 0 outside the map, and which columns and which rows are
        inside, (N, S) each, 0 or 1.
    """
    line = torch.arange(-half, half + 1, device=starts.device, dtype=torch.float64)
    grid = torch.stack([line.repeat(len(line)), line.repeat_interleave(len(line))], -1)
    places = (starts.double().round()[:, None] + grid) / stride
    values, inside = values_between(heatmaps, channels, places.to(heatmaps.dtype))
    inside = inside.unflatten(1, (len(line), len(line)))
    return line, values.double().view(inside.shape), inside.any(1).double(), inside.any(2).double()


def log_quadratic(line: Tensor, values: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """The isotropic Gaussian whose logarithm fits that of the values best, each pixel weighted by its squared value.

    Args:
        line, values, columns, rows: as ``windows`` gives them.

    Returns:
        (N, 4) A, x0, y0, s; nan where the logarithm is not concave.
    """
    x, y = line.repeat(len(line)), line.repeat_interleave(len(line))
    basis = torch.stack([torch.ones_like(x), x, y, x.square() + y.square()], 1)
    positive = values.clamp(min=1e-12)
    weights = (positive.square() * (values > 0) * rows[:, :, None] * columns[:, None]).flatten(1)
    normal = (weights @ (basis[:, :, None] * basis[:, None]).flatten(1)).view(-1, 4, 4)
    right = (weights * positive.log().flatten(1)) @ basis
    ridge = 1e-12 * torch.eye(4, device=normal.device, dtype=normal.dtype) * (normal.amax((1, 2), True) + 1e-300)
    c = torch.linalg.solve_ex(normal + ridge, right)[0]
    curve = torch.where(c[:, 3] < 0, -2 * c[:, 3], torch.nan)
    x0, y0 = c[:, 1] / curve, c[:, 2] / curve
    height = (c[:, 0] + curve * (x0.square() + y0.square()) / 2).exp()
    return torch.stack([height, x0, y0, curve.rsqrt()], -1)


def normal_equations(
    line: Tensor, values: Tensor, columns: Tensor, rows: Tensor, p: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """J^T J (N, 4, 4), J^T e (N, 4) and the sum of e^2 (N,) of e = A exp(-r^2 / (2 s^2)) - value at p = (A, x0, y0, s).

    The Gaussian is a product of one along x and one along y, and so are the window and the derivatives up to sums: all sums
    over pixels become products of sums over columns and rows.
    """
    height, s = p[:, 0], p[:, 3]
    x, y = line - p[:, 1:2], line - p[:, 2:3]
    gx = torch.exp(-x.square() / (2 * s.square())[:, None]) * columns
    gy = torch.exp(-y.square() / (2 * s.square())[:, None]) * rows
    exponents = torch.arange(5, device=line.device, dtype=line.dtype)
    px, py = x[..., None] ** exponents, y[..., None] ** exponents
    own_x, own_y = (gx.square()[..., None] * px).sum(1), (gy.square()[..., None] * py).sum(1)  # sums of g^2 x^n
    heat = (gy[..., None] * py[..., :3]).mT @ values @ (gx[..., None] * px[..., :3])  # [n, m]: sum of value g y^n x^m

    def own(n: int, m: int) -> Tensor:
        return own_x[:, n] * own_y[:, m]

    # J = g (1, A x / s^2, A y / s^2, A r^2 / s^3)
    scale = torch.stack([torch.ones_like(s), height / s**2, height / s**2, height / s**3], -1)
    r2, xr2, yr2 = own(2, 0) + own(0, 2), own(3, 0) + own(1, 2), own(2, 1) + own(0, 3)
    r4 = own(4, 0) + 2 * own(2, 2) + own(0, 4)
    entries = [own(0, 0), own(1, 0), own(0, 1), r2, own(1, 0), own(2, 0), own(1, 1), xr2]
    entries += [own(0, 1), own(1, 1), own(0, 2), yr2, r2, xr2, yr2, r4]
    product = torch.stack(entries, -1).view(-1, 4, 4)
    against = torch.stack([heat[:, 0, 0], heat[:, 0, 1], heat[:, 1, 0], heat[:, 0, 2] + heat[:, 2, 0]], -1)
    error = scale * (height[:, None] * product[:, 0] - against)
    cost = height.square() * own(0, 0) - 2 * height * heat[:, 0, 0] + values.square().sum((1, 2))
    return product * scale[:, :, None] * scale[:, None], error, cost


def least_squares(line: Tensor, values: Tensor, columns: Tensor, rows: Tensor, start: Tensor, steps: int) -> Tensor:
    """Levenberg-Marquardt steps on the sum of (A exp(-r^2 / (2 s^2)) - value)^2 over each window, all windows at once.

    Args:
        line, values, columns, rows: as ``windows`` gives them.
        start: (N, 4) A, x0, y0, s.

    Returns:
        (N, 4).
    """
    now, damping = start, values.new_full((len(values),), 1e-3)
    normal, error, cost = normal_equations(line, values, columns, rows, now)
    for _ in range(steps):
        damped = normal + torch.diag_embed(normal.diagonal(dim1=1, dim2=2) * damping[:, None] + 1e-15)
        new = now - torch.linalg.solve_ex(damped, error)[0]
        trial = normal_equations(line, values, columns, rows, new)
        better = (trial[2] < cost) & torch.isfinite(new).all(1)
        now, cost = torch.where(better[:, None], new, now), torch.where(better, trial[2], cost)
        normal = torch.where(better[:, None, None], trial[0], normal)
        error = torch.where(better[:, None], trial[1], error)
        damping = torch.where(better, damping / 10, damping * 10)
    return now


def fit_gaussians(
    heatmaps: Tensor,
    channels: Tensor,
    starts: Tensor,
    heats: Tensor,
    *,
    stride: int,
    half: int = 6,
    sigma: float = 2.0,
    steps: int = 4,
) -> tuple[Tensor, Tensor, Tensor]:
    """The peaks of Gaussians fitted around keypoints.

    Args:
        heatmaps: (K, H, W).
        channels: (N,) int64: the map of each keypoint.
        starts: (N, 2) x, y in input px.
        heats: (N,) heat at the starts.
        stride: input px a map px.
        half: half the window in input px; the released code's is 6.
        sigma: s in map px where the log-quadratic fit gives none.
        steps: Levenberg-Marquardt steps.

    Returns:
        points (N, 2) in input px, heights (N,), and (N,) bool: the fit has a positive height, peaks within its window and
        the map, and is not flat. Where it is False, points and heights are those given.
    """
    window = windows(heatmaps, channels, starts, half=half, stride=stride)
    guess = torch.stack(
        [heats.double(), *torch.zeros(2, len(heats)).to(heats), torch.full_like(heats, sigma * stride)], -1
    )
    start = log_quadratic(*window)
    near = torch.isfinite(start).all(1) & (start[:, 1:3].abs().amax(1) <= half)
    fitted = least_squares(*window, torch.where(near[:, None], start, guess.double()), steps)
    points = starts.double().round() + fitted[:, 1:3]
    last = torch.tensor([heatmaps.shape[-1] - 1, heatmaps.shape[-2] - 1]).to(points) * stride
    usable = torch.isfinite(fitted).all(1) & (fitted[:, 0] > 0) & (fitted[:, 1:3].abs().amax(1) <= half)
    usable &= fitted[:, 3].abs() <= WIDEST * half
    usable &= ((points >= -0.5) & (points <= last + 0.5)).all(1) & (window[2].sum(1) >= 3) & (window[3].sum(1) >= 3)
    points = torch.where(usable[:, None], points, starts.double()).to(starts.dtype)
    return points, torch.where(usable, fitted[:, 0], heats.double()).to(heats.dtype), usable
