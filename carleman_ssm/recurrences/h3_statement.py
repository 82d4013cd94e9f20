r"""The statement of H3: a shift register of keys, a product with the value, a diagonal SSM, a product with the query.

One channel of one head, N modes (one of each conjugate pair is stored) and a shift register of length max(N, 2):

$$s_t = S s_{t-1} + B^k k_t, \quad p_t = v_t\,(C^k \cdot s_t + D^k k_t), \quad
x_t = \lambda \odot x_{t-1} + \bar b\, p_t, \quad y_t = q_t \Bigl(2\,\mathrm{Re} \sum_n c_n x_{t,n} + D p_t\Bigr) .$$

Given the inputs the modes are a diagonal recurrence driven with the $p_t$. Together with the register the step is a
polynomial in which $s$ weighs 1 and $x$ weighs 2, so the joint lift closes at finite size with matrices polynomial in
the inputs; the output is a polynomial of degree 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import InvariantDense, InvariantDiagonal, Vector, step_symbols
from carleman_ssm.recurrences.cubic_kernels import Branch, CubicKernel, cubic_kernel
from carleman_ssm.recurrences.cubic_laws import AffineMaps, degree_law, kernel_laws, kernel_twins, require_sizes
from carleman_ssm.recurrences.product_lift import weighted_lift
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.weighted_basis import WeightedBasis


@dataclass(frozen=True)
class H3Letters:
    r"""The parameters and the queries, keys and values per step as symbols; SSM modes complex, everything else real.

    Parameters
    ----------
    multipliers, input_vector, output_vector
        $\lambda$, $\bar b$ and c, N each.
    feedthrough, shift_input, shift_output, shift_feedthrough
        D, $B^k$, $C^k$ and $D^k$.
    queries, keys, values
        One for each step.
    """

    multipliers: Vector
    input_vector: Vector
    output_vector: Vector
    feedthrough: sp.Symbol
    shift_input: Vector
    shift_output: Vector
    shift_feedthrough: sp.Symbol
    queries: Vector
    keys: Vector
    values: Vector

    @classmethod
    def symbolic(cls, states: int, steps: int) -> H3Letters:
        """Fresh symbols."""
        multipliers, inputs, outputs = (tuple(sp.symbols(f"{stem}_:{states}")) for stem in ("lambda", "b", "c"))
        skip, skip_k = sp.symbols("D D_k", real=True)
        shift_in, shift_out = (tuple(sp.symbols(f"{stem}_:{max(states, 2)}", real=True)) for stem in ("Bk", "Ck"))
        q, k, v = (step_symbols(stem, steps, real=True) for stem in ("q", "k", "v"))
        return cls(multipliers, inputs, outputs, skip, shift_in, shift_out, skip_k, q, k, v)

    @property
    def taps(self) -> Vector:
        r"""$\kappa_m = \sum_j B^k_j C^k_{j+m}$, with $D^k$ at m = 0."""
        size = len(self.shift_input)
        response = [
            sp.Add(*(self.shift_input[j] * self.shift_output[j + m] for j in range(size - m))) for m in range(size)
        ]
        return (response[0] + self.shift_feedthrough, *response[1:])

    def delayed(self, series: Vector, step: int) -> sp.Expr:
        """The finite impulse response applied to a series, at a step counted from 0."""
        return sp.Add(*(tap * series[step - m] for m, tap in enumerate(self.taps) if m <= step))

    def products(self) -> Vector:
        """$p_t$."""
        return tuple(value * self.delayed(self.keys, t) for t, value in enumerate(self.values))

    def recurrence(self, products: Vector) -> InvariantDiagonal:
        """The modes, driven with these products."""
        return InvariantDiagonal(self.multipliers, tuple(tuple(b * p for b in self.input_vector) for p in products))

    def register(self) -> InvariantDense:
        """The shift register, driven with the keys."""
        shift = sp.Matrix(len(self.shift_input), len(self.shift_input), lambda i, j: int(i == j + 1))
        return InvariantDense(shift, tuple(tuple(b * key for b in self.shift_input) for key in self.keys))

    def read(self, state: sp.MatrixBase, product: sp.Expr) -> sp.Expr:
        r"""$q_L (2\,\mathrm{Re} \sum_n c_n x_n + D p_L)$."""
        held = [c * x for c, x in zip(self.output_vector, state, strict=True)]
        return self.queries[-1] * sp.Add(*held, *map(sp.conjugate, held), self.feedthrough * product)


def h3_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""H3 with all parameters symbolic.

    Parameters
    ----------
    states
        N, the number of modes (half of ``d_state``); the shift register has max(N, 2) places.
    steps
        L, at least 2.

    Returns
    -------
    FamilyStatement
        Laws: the register is nilpotent and gives the finite impulse response; the joint lift of register and modes
        closes at weight 2, and the ordered product of its L matrices, applied to rest, holds the modes; with q, k, v
        linear in the input the output is homogeneous of degree 3 and the sum of one Volterra kernel, symmetric or not;
        with biases its degree is at most 3. Twins: the conjugate dropped, the other sign of i, the shift after the
        product, a shorter response, query and key exchanged in the kernel, degree 2.

    Raises
    ------
    TypeError, ValueError
        Sizes below 1 state or 2 steps.

    References
    ----------
    Fu, Dao et al. (2023), arXiv 2212.14052, section 3; THEORY T10, T12, T16.
    """
    require_sizes(states, steps)
    h3 = H3Letters.symbolic(states, steps)
    products = h3.products()
    recurrence = h3.recurrence(products)
    # query and feedthrough are those of the last step, whatever step the state is of
    output = read_output(
        recurrence,
        lambda state: h3.read(state, products[-1]),
        symbol=sp.Symbol(f"y_{steps}"),
        reference="derivations/12_products_of_inputs",
    )
    maps = AffineMaps.symbolic(1, 1, steps, real=True)
    letters = tuple(tuple((letter,) for letter in series) for series in (h3.queries, h3.keys, h3.values))
    linear = maps.put_into(output.expression, letters, biases=False)
    kernel = h3_kernel(h3, maps)
    laws = (
        *_register_laws(h3),
        *_joint_lift_laws(h3, recurrence),
        *kernel_laws(linear, kernel, maps),
        degree_law(maps.put_into(output.expression, letters), maps.letters, 3, "degree 3 with biases"),
    )
    twins = (*_twins(h3, output.expression), *kernel_twins(linear, kernel, maps))
    return FamilyStatement("h3", recurrence, output, laws, twins, input_degree=3, real_spectrum=False)


def h3_kernel(h3: H3Letters, maps: AffineMaps) -> CubicKernel:
    r"""$h_3(0, m, m + l) = W^q W^v W^k\,\kappa_l\,(2\,\mathrm{Re} \sum_n c_n \bar b_n \lambda_n^m + D\,\delta_{m0})$.

    Parameters
    ----------
    h3
        The letters of the layer.
    maps
        Those of its projections, one component each.
    """
    memory = []
    for m in range(len(h3.keys)):
        modes = zip(h3.output_vector, h3.input_vector, h3.multipliers, strict=True)
        held = [c * b * multiplier**m for c, b, multiplier in modes]
        memory.append(sp.Add(*held, *map(sp.conjugate, held), h3.feedthrough if m == 0 else 0))
    return cubic_kernel([Branch(maps.q[0], maps.k[0], tuple(memory))], maps.v[0], h3.taps)


def _register_laws(h3: H3Letters) -> tuple[Identity, ...]:
    register, last = h3.register(), len(h3.keys)
    read = column(h3.shift_output).T
    response = h3.delayed(h3.keys, last - 1)
    outputs = [(read * state)[0, 0] + h3.shift_feedthrough * h3.keys[-1] for state in _both_states(register, last)]
    size = len(h3.shift_input)
    return (
        Identity(sp.Pow(register.matrix, size), sp.zeros(size), name="the register forgets after its length"),
        *(
            Identity(value, response, name=f"finite impulse response by the {way}", because=r"$C^k S^m B^k = \kappa_m$")
            for value, way in zip(outputs, ("closed form", "recurrence"), strict=True)
        ),
    )


def _both_states(register: InvariantDense, step: int) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    return register.state(step), register.recurred_state(step)


def _joint_lift_laws(h3: H3Letters, recurrence: InvariantDiagonal) -> tuple[Identity, ...]:
    """Register and modes in one state: the lift of weight 2, its defining property, and the product of all steps."""
    size, modes, register = len(h3.shift_input), len(h3.multipliers), h3.register()
    s, x = tuple(sp.symbols(f"stilde_:{size}")), tuple(sp.symbols(f"xtilde_:{modes}"))
    basis = WeightedBasis((1,) * size + (2,) * modes, 2)
    moved = list(register.matrix * column(s))
    matrices, laws = [], []
    for step, (key, value) in enumerate(zip(h3.keys, h3.values, strict=True), 1):
        shifted = [sp.Add(old, b * key) for old, b in zip(moved, h3.shift_input, strict=True)]
        read = sp.Add(*(c * new for c, new in zip(h3.shift_output, shifted, strict=True)), h3.shift_feedthrough * key)
        driven = zip(h3.multipliers, h3.input_vector, x, strict=True)
        image = (*shifted, *(multiplier * old + b * value * read for multiplier, b, old in driven))
        matrices.append(weighted_lift((*s, *x), image, basis))
        laws.append(
            Identity(
                matrices[-1] * column(basis.lift((*s, *x))),
                column(basis.lift(image)),
                name=f"the joint lift closes at step {step}",
                because="the register weighs 1 and a mode 2: no image weighs more than its variable",
            )
        )
    start = column([sp.Integer(1), *([0] * (basis.size - 1))])
    rows = [basis.places[tuple(int(i == size + n) for i in range(size + modes))] for n in range(modes)]
    picked = sp.SparseMatrix(modes, basis.size, dict.fromkeys(enumerate(rows), 1))
    product = sp.MatMul(sp.ImmutableMatrix(picked), *reversed(matrices), start, evaluate=False)
    last = Identity(product, recurrence.state(len(h3.keys)), name="the joint lift from rest holds the modes")
    return (*laws, last)


def _twins(h3: H3Letters, output: sp.Expr) -> tuple[Identity, ...]:
    last, products = len(h3.keys), h3.products()
    single = h3.recurrence(products).state(last)
    halved = h3.queries[-1] * sp.Add(
        *(2 * c * x for c, x in zip(h3.output_vector, single, strict=True)), h3.feedthrough * products[-1]
    )
    joint = tuple(key * value for key, value in zip(h3.keys, h3.values, strict=True))
    after = tuple(h3.delayed(joint, t) for t in range(last))
    short = tuple(h3.taps[0] * p for p in joint)
    mirrored = replace(
        h3,
        multipliers=tuple(map(sp.conjugate, h3.multipliers)),
        input_vector=tuple(map(sp.conjugate, h3.input_vector)),
    )
    return (
        Identity(halved, output, name="the conjugate dropped: 2 for 2 Re"),
        Identity(
            h3.read(mirrored.recurrence(products).state(last), products[-1]),
            output,
            name="+i for -i, with the readout as it is stored",
        ),
        Identity(h3.read(h3.recurrence(after).state(last), after[-1]), output, name="the shift after the product"),
        Identity(h3.read(h3.recurrence(short).state(last), short[-1]), output, name="keys that are not shifted"),
    )
