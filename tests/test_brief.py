"""What a notebook prints of large records: one short line."""

from dataclasses import dataclass

import numpy as np
import pytest

import carleman_ssm as cs
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.sequences import load_sequences


@dataclass(frozen=True, eq=False)
class Long:
    values: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Short(Brief):
    values: np.ndarray
    name: str
    nothing: None
    size: float
    inner: Long
    several: tuple[Long, ...]
    numbers: tuple[int, ...]


def records():
    """Records of every room, and those that they hold."""
    sequences = load_sequences("digits-test")
    shallow, deep = cs.load_network("digits-gelu"), cs.load_network("digits-deep-block")
    one = cs.network_operator(shallow, sequences=sequences.x[:8], degree=4)
    stack = cs.network_operator(deep, sequences=sequences.x[:8], tolerance=1e-3)
    rings = cs.layer_rings(shallow.layers[0])
    indices = cs.interaction_indices(one, sequences.x[0])
    groups = cs.interaction_indices(stack, sequences.x[0], np.arange(64) // 16)
    yield from (sequences, shallow, deep, shallow.layers[0], one, one.form, one.decoders, one.certificate)
    yield from (stack, stack.stack, stack.stack.layers[0], stack.stack.head, stack.certificate, stack.decoders[0])
    yield from (one.second_order_kernel(), stack.second_order_kernel(), rings, indices, groups)
    yield from (cs.attribute(one, sequences.x[0]), cs.pair_matrices(one), *one.bases, *stack.bases)


def test_records_print_as_one_short_line():
    found = list(records())
    assert len(found) > 20
    for record in found:
        text = repr(record)
        assert text.startswith(f"<{type(record).__name__}")
        assert len(text) < 320, text
        assert "\n" not in text


@pytest.mark.parametrize("count", [1, 7])
def test_arrays_are_named_by_shape_and_records_by_kind(count):
    array = np.zeros((3, 20))
    short = Short(array, "wave", None, 0.5, Long(array), (Long(array),) * count, tuple(range(count)))
    line = f"values=(3, 20) name='wave' nothing=None size=0.5 inner=Long several={count}×Long numbers={count}×int"
    assert repr(short) == f"<Short {line}>"
    # False twin: a dataclass's own text holds the numbers.
    assert "\n" in repr(Long(array))
