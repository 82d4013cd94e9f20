"""Polynomial stacks by convolution: shares nothing with the lift but the numbers of the network."""

import sympy as sp


def convolved(layer, sequence):
    """A layer by its convolution kernels; `sequence` is a list of vectors, and so is the result."""
    width = len(layer.channels)
    sources = [[v[h] for v in sequence] for h in range(width)]
    if layer.norm_before is not None:
        scale, shift = layer.norm_before.matrix, layer.norm_before.offset
        sources = [[scale[h, h] * s + shift[h] for s in row] for h, row in enumerate(sources)]
    activated = []
    for channel, row in zip(layer.channels, sources, strict=True):
        modes = list(zip(channel.output_vector, channel.multipliers, channel.input_vector, strict=True))
        kernel = [sum(c * lam**lag * b for c, lam, b in modes) for lag in range(len(row))]
        kernel[0] += channel.feedthrough
        y = [sum(kernel[lag] * row[k - lag] for lag in range(k + 1)) for k in range(len(row))]
        g = layer.activation.coefficients
        activated.append([sum(value * at**p for p, value in enumerate(g)) for at in y])
    return [finished(layer, [row[k] for row in activated], sequence[k]) for k in range(len(sequence))]


def finished(layer, activated, vector):
    """Mixing, gate, residual path and norm of one step."""
    mapped = sp.Matrix(activated)
    if layer.mixing is not None:
        mapped = layer.mixing.matrix * mapped + sp.Matrix(layer.mixing.offset)
    if layer.gate is not None:
        half = mapped.rows // 2
        tau = layer.gate.coefficients
        mapped = sp.Matrix([mapped[i] * sum(q * mapped[half + i] ** p for p, q in enumerate(tau)) for i in range(half)])
    if layer.residual:
        mapped += sp.Matrix(vector)
    if layer.norm_after is not None:
        mapped = layer.norm_after.matrix * mapped + sp.Matrix(layer.norm_after.offset)
    return list(mapped)


def simulate(stack, inputs):
    """The outputs of a polynomial stack after each input, expanded."""
    sequence = [[u] for u in inputs]
    if stack.encoder is not None:
        sequence = [list(stack.encoder.matrix * sp.Matrix(v) + sp.Matrix(stack.encoder.offset)) for v in sequence]
    for layer in stack.layers:
        sequence = convolved(layer, sequence)
    if stack.head is not None:
        sequence = [list(stack.head.matrix * sp.Matrix(v) + sp.Matrix(stack.head.offset)) for v in sequence]
    return [[sp.expand(z) for z in v] for v in sequence]
