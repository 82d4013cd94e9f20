"""Testing: Hypothesis strategies with the hard cases drawn on purpose, and `check` for identities of your own.

Needs Hypothesis: ``pip install carleman_ssm[testing]``. The package itself never imports this room.

- exact numbers: `rationals`, `gaussians`, `multipliers` (0, ±1, i, 1/2 often)
- models: `spectra`, `discrete_models`, `continuous_models`, `decoders`, `rings`
- inputs: `exact_inputs` (none, constant, an impulse, alternating), `sequences` (the same as arrays)
- networks: `networks` (small random S4D networks of any depth, and every kind of norm, gate and pooling)
- statements: `points` (values of symbols, equal, conjugate or resonant on purpose), `check`
"""

try:
    import hypothesis as _hypothesis  # noqa: F401 - so that a missing extra is named before anything else fails
except ImportError as missing:
    _message = "carleman_ssm.testing needs Hypothesis: install it with `pip install carleman_ssm[testing]`"
    raise ImportError(_message) from missing

from carleman_ssm.testing.checks import Check as Check
from carleman_ssm.testing.checks import Counterexample as Counterexample
from carleman_ssm.testing.checks import check as check
from carleman_ssm.testing.inputs import exact_inputs as exact_inputs
from carleman_ssm.testing.inputs import sequences as sequences
from carleman_ssm.testing.models import continuous_models as continuous_models
from carleman_ssm.testing.models import decoders as decoders
from carleman_ssm.testing.models import discrete_models as discrete_models
from carleman_ssm.testing.models import spectra as spectra
from carleman_ssm.testing.networks import networks as networks
from carleman_ssm.testing.numbers import gaussians as gaussians
from carleman_ssm.testing.numbers import multipliers as multipliers
from carleman_ssm.testing.numbers import rationals as rationals
from carleman_ssm.testing.points import points as points
from carleman_ssm.testing.rings import rings as rings
