"""Second routes: slow evaluations in exact real arithmetic that share no code with the package."""

from __future__ import annotations

from contextlib import contextmanager
from math import prod

import flint
import numpy as np
from flint import acb, arb


@contextmanager
def ball_precision(digits, steps=0):
    """Bits for so many digits after so many complex rotations, each of which widens a ball by up to √2."""
    before = flint.ctx.prec
    flint.ctx.prec = int(digits * 3.33) + 64 + steps
    try:
        yield
    finally:
        flint.ctx.prec = before


def exact_logits(network, x, digits=40):
    """Logits of the exact real function of the stored parameters, as balls: object array (batch, classes).

    Without a pool the logits of each step follow each other: (batch, length * classes). Reads only the fields of the
    records. Steps the state, one scalar after the other.
    """
    x = np.asarray(x)  # float64 numbers, or balls where the input itself is known better than that
    with ball_precision(digits, steps=x.shape[1] * len(network.layers)):
        rows = [_one_sequence(network, sequence) for sequence in x]
        return np.array(rows, dtype=object).reshape(len(rows), -1)


def largest_error(values, exact, digits=40):
    """Upper bound of |values − exact| over all entries, rounded outward."""
    with ball_precision(digits):
        errors = [abs(arb(float(v)) - e).upper() for v, e in zip(np.ravel(values), np.ravel(exact), strict=True)]
        largest = max(errors, key=float, default=arb(0))
    return float(np.nextafter(float(largest), np.inf))


def widest_radius(exact):
    """Largest radius of the balls: how much the oracle itself does not know."""
    return max(float(e.rad()) for e in np.ravel(exact))


def _affine(weight, bias, values):
    return [
        sum((arb(float(w)) * v for w, v in zip(row, values, strict=True)), arb(float(b)))
        for row, b in zip(weight, bias, strict=True)
    ]


def _one_sequence(network, sequence):
    steps = [[v if isinstance(v, arb) else arb(float(v)) for v in step] for step in sequence]
    hidden = [_affine(network.encoder_weight, network.encoder_bias, step) for step in steps]
    for layer in network.layers:
        hidden = _layer(network.config, layer, hidden)
    if network.config.pool == "none":
        return [z for step in hidden for z in _affine(network.decoder_weight, network.decoder_bias, step)]
    if network.config.pool == "last":
        pooled = hidden[-1]
    else:
        pooled = [sum(column, arb(0)) / len(hidden) for column in zip(*hidden, strict=True)]
    return _affine(network.decoder_weight, network.decoder_bias, pooled)


def _layer(config, layer, hidden):
    branch = [_norm(layer.norm, config.eps, step) for step in hidden] if config.prenorm else hidden
    if hasattr(getattr(layer, "core", None), "P"):
        columns = [_low_rank(layer.core, h, [step[h] for step in branch]) for h in range(len(hidden[0]))]
        rows = zip(*columns, strict=True)
    elif hasattr(layer, "core"):
        rows = _mixed(layer.core, branch)
    else:
        columns = [_channel(layer, h, [step[h] for step in branch]) for h in range(len(hidden[0]))]
        rows = zip(*columns, strict=True)
    result = []
    for before, reached in zip(hidden, rows, strict=True):
        after = _output(config, layer, [_phi(config.activation, layer, y) for y in reached])
        if config.residual:
            after = [a + b for a, b in zip(after, before, strict=True)]
        result.append(after if config.prenorm else _norm(layer.norm, config.eps, after))
    return result


def _channel(layer, h, inputs):
    step = arb(float(layer.log_dt[h])).exp()
    rates = [
        acb(-arb(float(a)).exp(), arb(float(w))) for a, w in zip(layer.log_A_real[h], layer.A_imag[h], strict=True)
    ]
    if layer.discretization == "zoh":
        powers = [(step * a).exp() for a in rates]
        drives = [(p - 1) / a for p, a in zip(powers, rates, strict=True)]
    else:  # the trapezoidal rule x_k - x_{k-1} = Δ (a (x_k + x_{k-1}) / 2 + u_k), solved for x_k
        powers = [(2 + step * a) / (2 - step * a) for a in rates]
        drives = [2 * step / (2 - step * a) for a in rates]
    readout = [acb(float(c.real), float(c.imag)) for c in layer.C[h]]
    state, found = [acb(0)] * len(rates), []
    for u in inputs:
        state = [p * s + b * u for p, s, b in zip(powers, state, drives, strict=True)]
        total = sum((c * s for c, s in zip(readout, state, strict=True)), acb(0))
        found.append(2 * total.real + arb(float(layer.D[h])) * u)
    return found


def _complex(array):
    return [[acb(float(re), float(im)) for re, im in row] for row in array.tolist()]


def _mixed(core, inputs):
    """S5 or LRU: one state for all channels, stepped; read off the stored parameters alone."""
    if hasattr(core, "nu_log"):
        pairs = zip(core.nu_log, core.theta_log, strict=True)
        powers = [acb(-arb(float(nu)).exp(), arb(float(theta)).exp()).exp() for nu, theta in pairs]
        drives = [arb(float(g)).exp() for g in core.gamma_log]
        entry = _complex(np.stack([core.B_re, core.B_im], axis=-1))
        readout, factor = _complex(np.stack([core.C_re, core.C_im], axis=-1)), 1
    else:
        decays = [min(float(v), -1e-4) if core.clip_eigs else float(v) for v in core.Lambda_re]
        rates = [acb(re, float(im)) for re, im in zip(decays, core.Lambda_im, strict=True)]
        steps = [arb(core.step_rescale) * arb(float(v)).exp() for v in core.log_step[:, 0]]
        if core.discretization == "zoh":
            powers = [(d * a).exp() for d, a in zip(steps, rates, strict=True)]
            held = zip(powers, rates, steps, strict=True)
            drives = [acb(d) if a == 0 else (p - 1) / a for p, a, d in held]
        else:
            powers = [(2 + d * a) / (2 - d * a) for d, a in zip(steps, rates, strict=True)]
            drives = [2 * d / (2 - d * a) for d, a in zip(steps, rates, strict=True)]
        entry, readout, factor = _complex(core.B), _complex(core.C), 2 if core.conj_sym else 1
    state, found = [acb(0)] * len(powers), []
    for u in inputs:
        driven = [sum((b * v for b, v in zip(row, u, strict=True)), acb(0)) for row in entry]
        state = [p * s + d * v for p, s, d, v in zip(powers, state, drives, driven, strict=True)]
        read = [sum((c * s for c, s in zip(row, state, strict=True)), acb(0)).real for row in readout]
        found.append([factor * r + arb(float(d)) * v for r, d, v in zip(read, core.D, u, strict=True)])
    return found


def _low_rank(core, h, inputs):
    """S4: the trapezoidal rule in complex coordinates with all conjugates, one dense solve per step."""
    copy = h % len(core.A_real)
    pairs = zip(core.A_real[copy], core.A_imag[copy], strict=True)
    stored = [acb(-arb(float(re)).exp(), -arb(float(im))) for re, im in pairs]
    rates = stored + [a.conjugate() for a in stored]
    size = len(rates)

    def doubled(values):
        numbers = [acb(float(v.real), float(v.imag)) for v in values]
        return numbers + [v.conjugate() for v in numbers]

    low, entry, readout = [doubled(p[copy]) for p in core.P], doubled(core.B[copy]), doubled(core.C[0, h])
    step = arb(float(core.inv_dt[h, 0])).exp()
    rows = [
        [(rates[i] if i == j else acb(0)) - sum((p[i] * p[j].conjugate() for p in low), acb(0)) for j in range(size)]
        for i in range(size)
    ]
    half = flint.acb_mat(rows) * acb(step / 2)
    one = flint.acb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    advance = (one - half).solve(one + half)
    drive = (one - half).solve(flint.acb_mat([[step * b] for b in entry]))
    state, found = flint.acb_mat(size, 1), []
    for u in inputs:
        state = advance * state + drive * acb(u)
        y = sum((c * state[n, 0] for n, c in enumerate(readout)), acb(0)).real
        found.append(y + arb(float(core.D[0, h])) * u)
    return found


def _output(config, layer, values):
    if layer.output_weight is None:
        return values
    mapped = _affine(layer.output_weight, layer.output_bias, values)
    if config.output == "linear":
        return mapped
    half = len(mapped) // 2
    halves = zip(mapped[:half], mapped[half:], strict=True)
    return [a * g if config.gate == "identity" else a / (1 + (-g).exp()) for a, g in halves]


def _norm(norm, eps, values):
    if norm is None:
        return values
    if norm.bias is None:
        square = sum((v * v for v in values), arb(0)) / len(values)
        return [v / (square + arb(eps)).sqrt() * arb(float(w)) for v, w in zip(values, norm.weight, strict=True)]
    if norm.running_mean is None:
        mean = sum(values, arb(0)) / len(values)
        variance = sum(((v - mean) * (v - mean) for v in values), arb(0)) / len(values)
        means, variances = [mean] * len(values), [variance] * len(values)
    else:
        means = [arb(float(m)) for m in norm.running_mean]
        variances = [arb(float(s)) for s in norm.running_var]
    rows = zip(values, means, variances, norm.weight, norm.bias, strict=True)
    return [(v - m) / (s + arb(eps)).sqrt() * arb(float(w)) + arb(float(b)) for v, m, s, w, b in rows]


def _power(y, exponent):
    """Multiply: `arb ** int` goes by the logarithm where a ball contains 0, and returns nan."""
    return prod([y] * exponent, start=arb(1))


def _phi(name, layer, y):
    if name == "poly":
        return sum((arb(float(c)) * _power(y, k) for k, c in enumerate(layer.activation_coefficients, 1)), arb(0))
    if name == "gelu":
        return y / 2 * (-y / arb(2).sqrt()).erfc()
    if name == "gelu_tanh":
        # The coefficient is the decimal number 0.044715 of the definition, not its double.
        inner = (2 / arb.pi()).sqrt() * (y + arb(44715) / 10**6 * _power(y, 3))
        return y / 2 * (1 + inner.tanh())
    if name == "silu":
        return y / (1 + (-y).exp())
    return _power(y, {"identity": 1, "square": 2, "cube": 3}[name])
