"""Rosenbrock methods for z' = f(z) with one Jacobian and one factorisation per step.

In the variables of Hairer and Wanner, with shift 1/(gamma h) and J = df/dz at the start:

    (1/(gamma h) - J) U_i = f(z + sum_{j<i} a_ij U_j) + sum_{j<i} (c_ij / h) U_j
    z_new = z + sum_i m_i U_i,      error = sum_i e_i U_i

Hairer and Wanner, Solving Ordinary Differential Equations II (1996), IV.7. doi:10.1007/978-3-642-05221-7
Coefficients: Sandu et al., Atmos. Environ. 31, 3459 (1997). doi:10.1016/S1352-2310(97)83212-8
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """Coefficients; row i of `a` and `c` has i entries; `fresh[i]`: stage i needs a new value of f."""

    name: str
    order: int
    error_order: int  # of the embedded solution, plus one: the error estimate goes with h^error_order
    gamma: float
    a: tuple[tuple[float, ...], ...]
    c: tuple[tuple[float, ...], ...]
    m: tuple[float, ...]
    e: tuple[float, ...]
    fresh: tuple[bool, ...]

    @property
    def stages(self) -> int:
        """Number of linear solves per step."""
        return len(self.m)

    def segment_end(self, first: int) -> int:
        """The next stage after `first` that needs a new value of f, or the number of stages."""
        return next((i for i in range(first + 1, self.stages) if self.fresh[i]), self.stages)


ROS3 = Method(
    name="ros3",
    order=3,
    error_order=3,
    gamma=0.43586652150845899941601945119356,
    a=((), (1.0,), (1.0, 0.0)),
    c=((), (-1.0156171083877702092,), (4.0759956452553769982, 9.2076794298330791242)),
    # m_1 (published: 1) and e_1 (published: 1/2) carry the round-off of the other published digits, 1e-13, so that a
    # constant source is integrated exactly: elements depend on it.
    m=(1.0000000000003, 6.1697947043828245593, -0.42772256543218573326),
    e=(0.4999999999998433, -2.9079558716805469822, 0.22354069897811569627),
    fresh=(True, True, False),
)

RODAS3 = Method(
    name="rodas3",
    order=3,
    error_order=3,
    gamma=0.5,
    a=((), (0.0,), (2.0, 0.0), (2.0, 0.0, 1.0)),
    c=((), (4.0,), (1.0, -1.0), (1.0, -1.0, -8.0 / 3.0)),
    m=(2.0, 0.0, 1.0, 1.0),
    e=(0.0, 0.0, 0.0, 1.0),
    fresh=(True, False, True, True),
)

_A5 = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)
RODAS4 = Method(
    name="rodas4",
    order=4,
    error_order=4,
    gamma=0.25,
    a=(
        (),
        (1.544,),
        (0.9466785280815826, 0.2557011698983284),
        (3.314825187068521, 2.896124015972201, 0.9986419139977817),
        _A5,
        (*_A5, 1.0),
    ),
    c=(
        (),
        (-5.6688,),
        (-2.430093356833875, -0.2063599157091915),
        (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
        (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
        (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
    ),
    m=(*_A5, 1.0, 1.0),
    e=(0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    fresh=(True,) * 6,
)

# Steinebach, BIT Numer. Math. 63, 27 (2023). doi:10.1007/s10543-023-00967-x
_A6 = (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946)
RODAS5P = Method(
    name="rodas5p",
    order=5,
    error_order=5,
    gamma=0.21193756319429014,
    a=(
        (),
        (3.0,),
        (2.849394379747939, 0.45842242204463923),
        (-6.954028509809101, 2.489845061869568, -10.358996098473584),
        (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
        _A6,
        (*_A6, 1.0),
        (*_A6, 1.0, 1.0),
    ),
    c=(
        (),
        (-14.155112264123755,),
        (-17.97296035885952, -2.859693295451294),
        (147.12150275711716, -1.41221402718213, 71.68940251302358),
        (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
        (30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
         -28.087943162872662),
        (37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
         -54.66780262877968, -9.48861652309627),
    ),
    m=(*_A6, 1.0, 1.0, 1.0),
    e=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    fresh=(True,) * 8,
)  # fmt: skip

METHODS = {m.name: m for m in (ROS3, RODAS3, RODAS4, RODAS5P)}
