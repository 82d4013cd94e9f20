"""Attacks written in torch on shipped networks: projected gradients and Carlini–Wagner never enter a certified ball."""

from importlib import resources

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.robustness.radius import certified_radius
from tests.torch_networks import TorchNetwork, tensor, torch  # skips without torch

NAMES = ("digits-quadratic", "digits-gelu", "digits-deep-gelu")


def digit(index):
    with np.load(resources.files("carleman_ssm.data") / "digits-test.npz") as stored:
        return stored["x"][index].astype(np.float64)


def margins(logits, label):
    """Margins of the class over every rival, (batch, K − 1)."""
    rivals = [index for index in range(logits.shape[1]) if index != label]
    return logits[:, label, None] - logits[:, rivals]


def projected_gradients(module, x, label, radius, starts=3, steps=8):
    """Smallest margin found in the ball, by normalised gradient steps on the smallest margin of every start."""
    generator = torch.Generator().manual_seed(0)
    delta = torch.randn(starts, *x.shape, generator=generator, dtype=torch.float64)
    delta = delta * radius / delta.flatten(1).norm(dim=1)[:, None, None]
    delta[0] *= 1e-3
    smallest = np.inf
    for step in range(steps):
        delta.requires_grad_(True)
        worst = margins(module(x + delta), label).min(dim=1).values
        smallest = min(smallest, float(worst.detach().min()))
        (slope,) = torch.autograd.grad(worst.sum(), delta)
        stride = radius * (0.5 if step < steps // 2 else 0.1)
        delta = delta.detach() - stride * slope / slope.flatten(1).norm(dim=1)[:, None, None]
        norms = delta.flatten(1).norm(dim=1)
        delta = delta * torch.clamp(radius * (1 - 1e-12) / norms, max=1.0)[:, None, None]
    return min(smallest, float(margins(module(x + delta), label).detach().min()))


def carlini_wagner(module, x, label, weight=2.0, steps=25, rate=0.03):
    """Norm of the smallest change of class found by Adam on ‖δ‖² + c·max(margin, 0), infinite without one."""
    delta = (1e-3 * torch.ones_like(x)).requires_grad_(True)
    optimiser, best = torch.optim.Adam([delta], lr=rate), np.inf
    for _ in range(steps):
        worst = margins(module((x + delta)[None]), label).min()
        if float(worst.detach()) <= 0:
            best = min(best, float(delta.detach().norm()))
        loss = (delta**2).sum() + weight * torch.clamp(worst, min=0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return best


@pytest.mark.parametrize("name", NAMES)
def test_attacks_in_torch_do_not_beat_the_radius(name):
    network, x = load_network(name), digit(0)
    module, at = TorchNetwork(network), tensor(x)
    found = certified_radius(network, x, tolerance=0.05)
    assert int(module(at[None])[0].argmax()) == found.label
    assert projected_gradients(module, at, found.label, found.radius) > 0
    assert carlini_wagner(module, at, found.label) >= found.radius
    # The attack is no straw man: beyond the witness it does find a change of class.
    assert projected_gradients(module, at, found.label, 1.5 * found.witness_norm) < 0
    moved = margins(module(tensor(x + found.witness)[None]), found.label)
    assert float(moved.detach().min()) < 1e-9
