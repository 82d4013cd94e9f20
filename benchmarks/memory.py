"""How memory grows with the length L of the sequences: exponents of the peak, for a two-layer quadratic network.

Blocks of bounded size are in every peak and would hide what grows beside them. So the peak at the smallest length is
taken off: where peak = constant + c·L the rest is c·(L − L₀), and its log-log slope over L − L₀ is 1; a square gives
1.4 and more. Convolutions use smaller blocks than usual here, which hold one channel at every length. Results that are
L × L themselves are not formed: the second order is taken in factored form.
"""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

from benchmarks.jets import own_decoders
from benchmarks.measure import Row, peak_megabytes
from benchmarks.second_order import quadratic_network
from carleman_ssm.networks import convolution
from carleman_ssm.networks.kernel import convolution_kernel
from carleman_ssm.operators.adjoint import gradients
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.curvature import second_order_kernel
from carleman_ssm.operators.error_propagation import certify_sequences
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.operators.stack_trace import run_logits

LENGTHS = (1024, 2048, 4096, 8192)
CHANNELS, CLASSES, STATES = 8, 4, 16
ORDER = 4
AIM = 1.1
BLOCK = 2**20
"""Entries of the matrices of a convolution at once: L² at the smallest length."""
SMALLEST = 0.01
"""Growth in MB below which a peak counts as constant."""


def rows(threads: int) -> list[Row]:
    del threads
    return compare(LENGTHS)


def compare(lengths) -> list[Row]:
    """A row for each subject: its exponent; in its name the peak at the longest length and what of it has grown."""
    with patch.object(convolution, "BLOCK_ENTRIES", BLOCK):
        peaks = [{name: peak_megabytes(run) for name, run in candidates(length).items()} for length in lengths]
    result = []
    for name in peaks[0]:
        sizes = np.array([peak[name] for peak in peaks])
        subject = f"{name} ({sizes[-1]:.0f} MB at {lengths[-1]}, {sizes[-1] - sizes[0]:.1f} more than at {lengths[0]})"
        slope = exponent(np.array(lengths), sizes)
        result.append(Row(f"memory over L = {lengths[0]} … {lengths[-1]}", subject, "", slope, None, "(slope)", AIM))
    return result


def exponent(lengths, sizes) -> float:
    """Log-log slope of what peaks (MB) have grown by since the smallest length, over how much longer; 0 if constant."""
    grown = np.maximum(sizes[1:] - sizes[0], SMALLEST)
    return float(np.polyfit(np.log(lengths[1:] - lengths[0]), np.log(grown), 1)[0])


def candidates(length):
    """Name to a call without arguments; what a call starts from is made beforehand."""
    network = quadratic_network(2, CHANNELS, CLASSES, STATES)
    single = quadratic_network(1, CHANNELS, CLASSES, STATES)
    stack, decoders = build_stack(network, length), own_decoders(network)
    x = np.random.default_rng(14).uniform(-1, 1, (1, length, 1))  # one, so that blocks hold as many at every length
    centre = np.zeros((length, 1))
    kernel = second_order_kernel(stack, decoders, centre)
    operator = network_operator(single, input_bound=1.0, length=length)
    return {
        "kernels with their bounds": lambda: convolution_kernel(network.layers[0], length),
        "bounds of given sequences": lambda: certify_sequences(stack, decoders, layer_rules(network), x),
        "logits of the operator": lambda: run_logits(stack, decoders, x),
        "jets": lambda: jets(stack, decoders, centre, x, ORDER),
        "first-order kernels": lambda: gradients(stack, decoders, centre[None]),
        "second order, factored": lambda: kernel.quadratic_form(x),
        "second order times a vector": lambda: kernel.product(x),
        "one layer: certified operator": lambda: operator(x),
        "one layer: kernels, factored": lambda: operator.second_order_kernel().quadratic_form(x),
    }
