"""A network of one S4D layer with GELU in JAX, float64: Hessian and products by `jax.hessian` and `jax.jvp`, compiled.

The convolution kernel is transformed once, as on the other sides; the compiler folds what does not depend on the input.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from carleman_ssm.networks.network import S4DNetwork


def hessian(network: S4DNetwork, sequence, label: int):
    """A call without arguments that returns the Hessian of one logit, (L, L), and waits for it."""
    return _prepared(jax.hessian(partial(_logit, network, _spectrum(network, len(sequence)), label)), sequence)


def hessian_product(network: S4DNetwork, sequence, direction, label: int):
    """A call without arguments that returns its product with a direction (L,), forward over reverse."""
    slope = jax.grad(partial(_logit, network, _spectrum(network, len(sequence)), label))
    return _prepared(lambda at, along: jax.jvp(slope, (at,), (along,))[1], sequence, direction)


def _prepared(function, *arrays):
    compiled = jax.jit(function)
    with jax.enable_x64(True):
        arguments = tuple(map(jnp.asarray, arrays))

    def run():
        with jax.enable_x64(True):  # only here: other users of JAX in this process keep their precision
            return compiled(*arguments).block_until_ready()

    return run


def _spectrum(network, length):
    kernel = network.kernel(0, length)
    kernel[:, 0] += network.layers[0].D
    with jax.enable_x64(True):
        return jnp.fft.rfft(jnp.asarray(kernel), n=2 * length)


def _logit(network, spectrum, label, u):
    layer, length, norm = network.layers[0], len(u), network.layers[0].norm
    hidden = network.encoder_weight[:, 0][:, None] * u + network.encoder_bias[:, None]
    y = jnp.fft.irfft(jnp.fft.rfft(hidden, n=2 * length) * spectrum, n=2 * length)[..., :length]
    branch = layer.output_weight @ jax.nn.gelu(y, approximate=False) + layer.output_bias[:, None]
    scale = norm.weight / (norm.running_var + network.config.eps) ** 0.5
    result = scale[:, None] * (branch + hidden - norm.running_mean[:, None]) + norm.bias[:, None]
    pooled = result.mean(axis=-1) if network.config.pool == "mean" else result[..., -1]
    return network.decoder_weight[label] @ pooled + network.decoder_bias[label]
