"""Baseline (d) of the selective scan: `jax.lax.associative_scan` on pairs (multiplier, drive), compiled once."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def prepared(problem):
    """A call without arguments that returns y (batch, L, D) and waits for it."""
    arrays = tuple(map(jnp.asarray, problem))
    compiled = jax.jit(_scan)
    return lambda: compiled(*arrays).block_until_ready()


def _scan(increments, rates, inputs, B, C):
    multipliers = jnp.exp(increments[..., None] * rates)
    drives = (increments * inputs)[..., None] * B[:, :, None]
    _, states = jax.lax.associative_scan(_after, (multipliers, drives), axis=1)
    return jnp.einsum("bldn,bln->bld", states, C)


def _after(first, second):
    """The steps of `second` after those of `first`: products of multipliers, drives carried along."""
    return first[0] * second[0], second[0] * first[1] + second[1]
