"""Networks, decoders and inputs made so that a bound that is too small would show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DLayer, S4DNetwork
from carleman_ssm.operators.decoders import ExactDecoders, FittedDecoders
from carleman_ssm.operators.ranges import LayerRules
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders, run, run_layer
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.fits import fit_chebyshev
from tests.strategies_networks import stored

SMOOTH = ("gelu", "gelu_tanh", "silu")
POLYNOMIAL = ("identity", "square", "cube", "poly")


def deep_network(generator, activations=SMOOTH + POLYNOMIAL, depth=None, norms=("none", "batch", "layer", "rms")):
    """A small random network: 1–3 layers, every output, gate, norm and pool."""
    pick, size = generator.choice, generator.integers
    output = str(pick(("linear", "glu", "none")))
    config = NetworkConfig(
        activation=str(pick(activations)),
        output=output,
        norm=str(pick(norms)),
        prenorm=bool(pick(2)),
        residual=bool(pick(2)),
        pool=str(pick(("mean", "last"))),
        gate=str(pick(("sigmoid", "identity"))) if output == "glu" else "sigmoid",
        discretization=str(pick(("zoh", "bilinear"))),
        eps=float(10.0 ** generator.uniform(-8, -1)),
    )
    channels, features, classes = int(size(1, 5)), int(size(1, 3)), int(size(1, 4))
    layers = tuple(_layer(generator, config, channels) for _ in range(depth or int(size(1, 4))))

    def normal(*shape):
        return stored(generator.normal(size=shape))

    return S4DNetwork(
        normal(channels, features), normal(channels), layers, normal(classes, channels), normal(classes), config
    )


def _layer(generator, config, channels):
    modes = int(generator.integers(1, 4))
    shape, scale = (channels, modes), 10.0 ** generator.uniform(-1, 0.5)

    def normal(*axes):
        return stored(generator.normal(size=axes) * scale)

    rows = {"none": None, "linear": channels, "glu": 2 * channels}[config.output]
    norm = None
    if config.norm == "rms":
        norm = Normalization(normal(channels), None)
    elif config.norm != "none":
        norm = Normalization(normal(channels), normal(channels))
    if config.norm == "batch":
        norm = replace(norm, running_mean=normal(channels), running_var=stored(generator.uniform(0, 2, channels)))
    return S4DLayer(
        stored(generator.uniform(-3, 0, channels)),
        stored(generator.uniform(-1, 1, shape)),
        stored(generator.uniform(-8, 8, shape)),
        C=normal(*shape) + 1j * normal(*shape),
        D=normal(channels) * generator.integers(2),
        output_weight=None if rows is None else normal(rows, channels),
        output_bias=None if rows is None else normal(rows),
        norm=norm,
        activation_coefficients=normal(int(generator.integers(1, 4))) if config.activation == "poly" else None,
        discretization=config.discretization,
    )


def scaled_network(generator, network):
    """The same network with parameters over ten decades, norms that cancel, classes that differ in the last bit."""
    spread = float(generator.choice([1, 3, 5]))

    def scaled(values, share=1.0):
        return None if values is None else stored(values * 10.0 ** generator.uniform(-spread * share, spread * share))

    layers = []
    for layer in network.layers:
        norm, readout = layer.norm, layer.C * 10.0 ** generator.uniform(-spread, spread)
        if norm is not None:
            norm = replace(norm, weight=scaled(norm.weight, 0.5), bias=scaled(norm.bias))
        parts = {name: scaled(getattr(layer, name)) for name in ("D", "output_weight", "output_bias")}
        learned = scaled(layer.activation_coefficients, 0.5)
        readout = stored(readout.real) + 1j * stored(readout.imag)
        layers.append(replace(layer, C=readout, norm=norm, activation_coefficients=learned, **parts))
    decoder, bias = np.array(scaled(network.decoder_weight)), scaled(network.encoder_bias)
    if generator.random() < 0.5:
        decoder[1:] = np.nextafter(decoder[:1].astype(np.float32), np.float32(np.inf))
    if generator.random() < 0.3:  # channels that are nearly equal
        bias = stored(np.full(network.channels, 10.0 ** generator.uniform(0, 8)))
    return replace(
        network,
        encoder_weight=scaled(network.encoder_weight),
        encoder_bias=bias,
        layers=tuple(layers),
        decoder_weight=decoder,
        config=replace(network.config, eps=float(10.0 ** generator.uniform(-14, -1))),
    )


def rules_of(network):
    """What decoders of this network stand for."""
    config, found = network.config, []
    for layer in network.layers:
        learned = layer.activation_coefficients
        rule = activation(config.activation, None if learned is None else tuple(learned.tolist()))
        found.append(LayerRules(rule, activation(config.gate) if config.output == "glu" else None))
    return tuple(found)


@dataclass(eq=False)
class PerturbedDecoders:
    """The activation itself plus `signs` · `size`: a decoder whose error is exactly what it certifies."""

    rule: object
    channels: int
    size: np.ndarray
    signs: np.ndarray | float = 0.0
    claimed: float = 1.0
    degree: int = 0
    exact: bool = False
    interval: tuple = field(default=())

    def __post_init__(self):
        self.interval = self.interval or (np.full(self.channels, -np.inf), np.full(self.channels, np.inf))

    @property
    def fit_error(self):
        return self.claimed * self.size

    def __call__(self, preactivations):
        return self.rule(preactivations) + self.signs * self.size

    def rounding(self, bound):
        return np.full(self.channels, 1e-12) * (1 + bound) ** 4


def perturbed(stack, rules, size, signs=None, claimed=1.0):
    """Perturbed decoders of every layer; signs is a dictionary (layer, role) → (L, H)."""
    signs = signs or {}
    found = []
    for index, (layer, rule) in enumerate(zip(stack.layers, rules, strict=True)):
        made = [
            None
            if part is None
            else PerturbedDecoders(part, stack.channels, size, signs.get((index, role), 0.0), claimed)
            for role, part in (("activation", rule.activation), ("gate", rule.gate if layer.gated else None))
        ]
        found.append(LayerDecoders(*made))
    return tuple(found)


def places(stack):
    return [
        (index, role)
        for index, layer in enumerate(stack.layers)
        for role in (("activation", "gate") if layer.gated else ("activation",))
    ]


def worst_signs(stack, rules, size, inputs, weights):
    """Signs of the derivative of weights · logits with respect to the error of every decoder, step and channel."""
    shape = (inputs.shape[1], stack.channels)
    base = (run(stack, perturbed(stack, rules, size), inputs)[0] @ weights)[0]
    found = {}
    for place in places(stack):
        slopes = np.zeros(shape)
        for at in np.ndindex(shape):
            nudge = np.zeros(shape)
            nudge[at] = 1e-4
            slopes[at] = (run(stack, perturbed(stack, rules, size, {place: nudge}), inputs)[0] @ weights)[0] - base
        found[place] = np.where(slopes >= 0, 1.0, -1.0)
    return found


def random_signs(generator, stack, length):
    return {place: generator.choice([-1.0, 1.0], size=(length, stack.channels)) for place in places(stack)}


def fitted_stack(network, inputs, degree, margin=0.05):
    """Stack, decoders on the intervals that the inputs visit (widened by a margin), and rules."""
    stack, rules = build_stack(network, inputs.shape[1]), rules_of(network)
    hidden, decoders = stack.encoder(inputs), []
    for layer, rule in zip(stack.layers, rules, strict=True):
        seen = run_layer(layer, LayerDecoders(rule.activation, rule.gate), hidden)
        gate = None
        if layer.gated:
            gate = _fitted(rule.gate, np.split(seen.mapped, 2, axis=-1)[1], degree, margin)
        decoders.append(LayerDecoders(_fitted(rule.activation, seen.preactivation, degree, margin), gate))
        hidden = run_layer(layer, decoders[-1], hidden).result
    return stack, tuple(decoders), rules


def _fitted(rule, values, degree, margin):
    if rule.is_polynomial:
        return ExactDecoders(np.array([float(c) for c in rule.coefficients]), values.shape[-1])
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    pad = margin * (high - low) + 1e-3
    ends = zip((low - pad).tolist(), (high + pad).tolist(), strict=True)
    return FittedDecoders.from_fits([fit_chebyshev(rule, *pair, degree) for pair in ends], rule)
