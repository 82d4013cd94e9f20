r"""Harmonics and intermodulation: the lines that sinusoids draw in the spectrum of every logit (THEORY T15, T23).

Sinusoids $x_k = \bar x + \sum_a \mathrm{Re}(A_ae^{i\omega_ak})e_{j_a}$ lead, once the transient is over, to
$y_{k,h} = y^0_h + \sum_a\mathrm{Re}(B_{a,h}e^{i\omega_ak})$ with $B_{a,h} = A_aW_{hj_a}H_h(e^{i\omega_a})$. A function
of it is a sum of lines at $n\cdot\omega = \sum_an_a\omega_a$, $n \in \mathbb Z^T$, with the coefficients of
`line_coefficients`. Lines with two or more nonzero $n_a$ are what waves make of each other: without the decoder
there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import require_range
from carleman_ssm.networks.kernel import Complexes
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.line_coefficients import Integers, LineCoefficients, line_coefficients, line_multiples
from carleman_ssm.predictions.transfer import SteadyLayer, refuse_reach, steady_layer
from carleman_ssm.theory.polynomials import require_kind

MAX_TONES = 3
SAME = 1e-9
"""Lines no further apart than this [rad/step], a beat in 6·10⁹ steps, are at one frequency."""
NEAR = 1e-6
"""How far a line may lie from the grid of a transform, in bins: its leakage is as small."""
SHOWN_ORDER = 5
"""Largest order of the lines that are listed of an activation that is no polynomial, unless another is asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class MergedLines(Brief):
    r"""What a spectrum shows of lines that meet at one frequency: their sum.

    Parameters
    ----------
    frequencies
        (F,) [rad/step], ascending.
    amplitudes
        Sums (F, classes) [logit]; of 0 and π the real part, all that sequences see of it.
    members
        The lines that meet, rows of `SpectralLines.multiples`, the highest first (over all classes).
    """

    frequencies: Floats
    amplitudes: Complexes
    members: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False, repr=False)
class SpectralLines(Brief):
    r"""Lines in the steady logits: $\ell_i(k) = \sum_n\mathrm{Re}(c_{n,i}e^{i\Omega_nk})$.

    Parameters
    ----------
    tones
        The sinusoids.
    multiples
        $n$ (lines, T): one of n and −n, the first nonzero entry positive; the first line is n = 0.
    frequencies
        $\Omega_n = n\cdot\omega$ folded into [0, π] (lines,) [rad/step].
    amplitudes
        $c_n$ (lines, classes), complex [logit]: $|c_n|$ is the height of the line, its argument the phase at step 0.
        Folding a negative frequency conjugates it. Lines of one frequency stand apart here, also those folded onto 0
        (of a tone of period q, every multiple of q): `merged` adds them up.
    method
        How the coefficients of the decoder were found.
    aliasing
        *Measured* size of what a discrete Fourier transform may have folded into each line, (classes,); 0 where the
        method has no such error.
    """

    tones: tuple[Sinusoid, ...]
    multiples: Integers
    frequencies: Floats
    amplitudes: Complexes
    method: str
    aliasing: Floats

    @property
    def orders(self) -> Integers:
        """$|n|_1$ (lines,): 1 for the tones themselves, 2 for second harmonics, sums and differences."""
        total: Integers = np.abs(self.multiples).sum(axis=1)
        return total

    @property
    def is_interaction(self) -> npt.NDArray[np.bool_]:
        """Whether two or more tones meet in a line, (lines,)."""
        meeting: npt.NDArray[np.bool_] = (self.multiples != 0).sum(axis=1) > 1
        return meeting

    def line(self, *multiples: int) -> Complexes:
        """$c_n$ (classes,) of one line.

        Raises
        ------
        KeyError
            It is not among the lines (of n and −n the one whose first nonzero entry is positive is).
        ValueError
            There are not as many multiples as tones.
        """
        if len(multiples) != len(self.tones):
            msg = f"a line of {len(self.tones)} tones has as many multiples, got {multiples}"
            raise ValueError(msg)
        found = np.flatnonzero((self.multiples == np.array(multiples)).all(axis=1))
        if not len(found):
            msg = f"no line {multiples}: of n and -n the one whose first nonzero entry is positive is listed"
            raise KeyError(msg)
        chosen: Complexes = self.amplitudes[found[0]]
        return chosen

    def signal(self, steps: Floats | Integers) -> Floats:
        """The steady logits (n, classes) at steps (n,); their mean is what a mean pool over these steps keeps."""
        waves = np.exp(1j * np.outer(np.asarray(steps, dtype=np.float64), self.frequencies))
        logits: Floats = (waves @ self.amplitudes).real
        return logits

    def spectrum(self, window: int) -> Complexes:
        """The lines on the grid of a discrete Fourier transform over `window` steps, (window // 2 + 1, classes).

        Lines that meet at one frequency add up. At 0 and π only the real part is seen.

        Raises
        ------
        ValueError
            A line is not on the grid, that is, a tone has no whole number of periods in the window.
        """
        places = self.frequencies * window / (2 * np.pi)
        bins = np.rint(places).astype(np.int64)
        if (np.abs(places - bins) > NEAR).any():
            msg = (
                f"the tones have no whole number of periods in {window} steps: take frequencies 2π·c/{window}, c whole"
            )
            raise ValueError(msg)
        grid = np.zeros((window // 2 + 1, self.amplitudes.shape[1]), dtype=np.complex128)
        np.add.at(grid, bins, self.amplitudes)
        grid[0] = grid[0].real
        if window % 2 == 0:
            grid[-1] = grid[-1].real
        return grid

    def merged(self) -> MergedLines:
        """The lines by frequency, those that meet added up.

        Examples
        --------
        At half the sampling rate the second harmonic is a constant:

        >>> from carleman_ssm.networks.checkpoints import load_network
        >>> found = spectral_lines(load_network("frequencies"), [Sinusoid(1.0, np.pi)]).merged()
        >>> found.frequencies / np.pi, found.members[1]
        (array([0., 1.]), (1,))
        >>> sorted(found.members[0])
        [0, 2]
        """
        ascending = np.argsort(self.frequencies, kind="stable")
        places = self.frequencies[ascending]
        groups = np.split(ascending, np.flatnonzero(np.diff(places) > SAME) + 1)
        frequencies = np.array([self.frequencies[rows[0]] for rows in groups])
        sums = np.stack([self.amplitudes[rows].sum(axis=0) for rows in groups])
        ends = (frequencies <= SAME) | (frequencies >= np.pi - SAME)
        sums[ends] = sums[ends].real
        size = np.abs(self.amplitudes).sum(axis=1)
        members = (sorted(rows.tolist(), key=lambda row: -float(size[row])) for rows in groups)
        return MergedLines(frequencies, sums, tuple(tuple(rows) for rows in members))

    def table(self) -> list[dict[str, object]]:
        """The lines as plain records: data for a file. Frequencies in cycles per step."""
        return [
            {
                "multiples": n.tolist(),
                "frequency": float(frequency / (2 * np.pi)),
                "magnitude": np.abs(amplitude).tolist(),
                "phase": np.angle(amplitude).tolist(),
            }
            for n, frequency, amplitude in zip(self.multiples, self.frequencies, self.amplitudes, strict=True)
        ]


def spectral_lines(
    source: StateSpaceNetwork | NetworkOperator,
    tones: Sequence[Sinusoid],
    constant: npt.ArrayLike = 0.0,
    *,
    order: int | None = None,
) -> SpectralLines:
    r"""Lines of the steady logits of one layer under one, two or three sinusoids and a constant.

    Polynomial decoders: all lines, by the closed sum (degree at most 12) or by a Fourier transform over the torus of
    phases that is exact for their degree. Other activations, GELU among them: the same transform with 128 phases per
    tone (two tones; 32 for three), spectrally accurate, its aliasing measured; it is *not* local, the biases act.

    Parameters
    ----------
    source
        A network (its own activation) or an operator (its decoders; signals outside their intervals are refused).
    tones
        One to three sinusoids of constant height (rate 0).
    constant
        $\bar x$ (d,) or one number.
    order
        Largest $|n|_1$ that is listed; by default the degree of a polynomial network, else 5.

    Raises
    ------
    ValueError
        There is no one-layer form, a mode does not decay, the tones are none, too many, damped or in no channel, the
        order is negative or beyond what is resolved, or an amplitude leaves float64.
    TypeError
        A tone is no `Sinusoid`, or the order not whole.
    DomainError
        The steady signal leaves the interval of a fit, by the excess in the message.

    References
    ----------
    THEORY T15, T23; derivations/23_spectral_lines.
    """
    waves = checked_tones(tones)
    layer = steady_layer(source, constant)
    inputs = tone_amplitudes(waves, layer.form.features)
    driven = np.stack([layer.response(tone.frequency) for tone in waves]) * (inputs @ layer.form.drive_weight.value.T)
    refuse_reach(layer.decoders, layer.operating_point, np.abs(driven).sum(axis=0))
    largest = order
    if largest is None:
        largest = layer.decoders.degree if isinstance(layer.decoders, ExactDecoders) else SHOWN_ORDER
    multiples = line_multiples(len(waves), largest)
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves float64 is refused by name
        found = line_coefficients(layer.decoders, layer.operating_point, driven, multiples)
        lines = _read_out(layer, waves, inputs, found)
    require_range("the lines", lines.amplitudes)
    return lines


def checked_tones(tones: Sequence[Sinusoid]) -> tuple[Sinusoid, ...]:
    """One to three sinusoids of constant height.

    Raises
    ------
    TypeError
        Something else than a sequence of `Sinusoid`.
    ValueError
        None or too many, or one whose rate is not 0: it has no steady state.
    """
    if isinstance(tones, Sinusoid):
        msg = "tones are given as a sequence: write [tone] for one"
        raise TypeError(msg)
    waves = tuple(tones)
    for wave in waves:
        require_kind(wave, Sinusoid, "a tone")
    if not 1 <= len(waves) <= MAX_TONES:
        msg = f"one to {MAX_TONES} tones have lines here, got {len(waves)}"
        raise ValueError(msg)
    for tone in waves:
        if tone.rate != 0.0:
            msg = f"a sinusoid with rate {tone.rate} has no steady state: lines need rate 0"
            raise ValueError(msg)
    return waves


def tone_amplitudes(tones: tuple[Sinusoid, ...], features: int) -> Complexes:
    r"""$A_ae_{j_a}$ (T, d), phases counted from step 0.

    Raises
    ------
    ValueError
        A tone is in a channel that the network does not have.
    """
    result = np.zeros((len(tones), features), dtype=np.complex128)
    for row, tone in enumerate(tones):
        if tone.channel >= features:
            msg = f"a tone is in channel {tone.channel}, the network has {features}"
            raise ValueError(msg)
        result[row, tone.channel] = tone.amplitude * np.exp(1j * (tone.phase - tone.frequency * tone.position))
    return result


def _read_out(
    layer: SteadyLayer, tones: tuple[Sinusoid, ...], inputs: Complexes, found: LineCoefficients
) -> SpectralLines:
    """Readout and residual path; pairs ±n become one real wave; frequencies fold into [0, π]."""
    form, multiples = layer.form, found.multiples
    amplitudes = 2.0 * found.values @ form.readout.value.T
    amplitudes[0] = found.values[0].real @ form.readout.value.T + form.offset.value[:, 0]
    amplitudes[0] += form.skip.value @ layer.constant
    for tone, wave in enumerate(inputs):
        itself = (multiples == np.eye(len(tones), dtype=np.int64)[tone]).all(axis=1)
        amplitudes[itself] += form.skip.value @ wave
    folded = np.angle(np.exp(1j * (multiples @ np.array([tone.frequency for tone in tones]))))
    amplitudes = np.where(folded[:, None] < 0.0, amplitudes.conj(), amplitudes)
    aliasing: Floats = 2.0 * np.abs(form.readout.value) @ found.aliasing
    return SpectralLines(tones, multiples, np.abs(folded), amplitudes, found.method, aliasing)
