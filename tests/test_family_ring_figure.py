"""The figure of the rings: what is drawn is what the rings hold, and nothing is drawn of what has no ring."""

import numpy as np
import pytest

from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.s5 import S5
from carleman_ssm.report.family_ring_figure import amplitudes, family_ring_figure, followed
from carleman_ssm.rings.family_rings import FamilyRings, family_rings


def layers():
    rng = np.random.default_rng(0)
    return [
        S5.initialise(rng, states=16),
        LRU.initialise(rng, states=8),
        Mamba.initialise(rng, states=8),
        DeltaNet.initialise(rng),
    ]


def pictures(figure):
    return [axis.images[0] for axis in figure.axes if axis.images]


def test_each_layer_with_a_ring_has_a_panel_with_its_amplitudes():
    figure = family_ring_figure(layers(), steps=12)
    shown = pictures(figure)
    assert len(shown) == 3
    for layer, picture in zip(layers(), shown, strict=False):
        values = np.asarray(picture.get_array())
        noise = np.random.default_rng(0).normal(size=(1, 12, layer.channels))
        rings = family_rings(layer, noise)
        contents = np.abs(rings.kick(12))
        ring = int(np.argmax(np.abs(rings.hops[0])))
        nodes = rings.nodes
        for k in range(13):
            for row, j in enumerate(range(-(nodes // 2), nodes - nodes // 2)):
                expected = contents[k, ring, j % nodes] / contents[k, ring].max()
                assert values[row, k] == pytest.approx(expected, abs=1e-14)


def test_the_first_step_is_the_kick_and_the_real_panel_is_its_own_mirror_image():
    values = [np.asarray(picture.get_array()) for picture in pictures(family_ring_figure(layers(), steps=12))]
    for value in values:
        kicked = np.zeros(len(value))
        kicked[len(value) // 2] = 1
        assert np.allclose(value[:, 0], kicked, atol=1e-14)
    mamba = values[2]
    assert np.allclose(mamba[1:], mamba[:0:-1], atol=1e-12)
    assert (mamba[len(mamba) // 2] == 1).all()
    assert not np.allclose(values[0][1:], values[0][:0:-1], atol=1e-2)


def test_axes_units_and_caption_say_what_is_drawn():
    figure = family_ring_figure(layers(), steps=12)
    titles = [axis.get_title() for axis in figure.axes if axis.images]
    assert [title.split(",")[0] for title in titles] == ["s5", "lru", "mamba"]
    assert "no wave" in titles[2]
    assert all(axis.get_xlabel() for axis in figure.axes if axis.images)
    words = " ".join(figure.get_supxlabel().split())
    assert "delta-net" in words
    assert "12 steps" in words


def test_a_rigid_wave_goes_around_one_and_a_half_times():
    nodes = 8
    multipliers = 0.99 * np.exp(2j * np.pi * 0.25 * np.arange(nodes) / nodes)
    rings = FamilyRings(multipliers[None, None], np.arange(nodes)[None])
    assert followed(rings, 5) == 48
    assert np.argmax(amplitudes(rings, 48)[-1]) == 4  # 12 nodes on, of 8
    slow = FamilyRings(np.exp(1e-6j * np.arange(nodes))[None, None], np.arange(nodes)[None])
    assert followed(slow, 5) == 512
    spread = FamilyRings(np.exp(1j * np.arange(nodes) ** 2)[None, None], np.arange(nodes)[None])
    assert followed(spread, 5) == 5


def test_a_dead_ring_and_no_ring_are_handled():
    rings = family_rings(layers()[1])
    dead = type(rings)(0 * rings.multipliers, rings.order)
    assert (amplitudes(dead, 2)[1:] == 0).all()
    with pytest.raises(ValueError, match="do not commute"):
        family_ring_figure([DeltaNet.initialise(np.random.default_rng(0))])
    with pytest.raises(ValueError, match="at least one step"):
        family_ring_figure(layers(), steps=0)
