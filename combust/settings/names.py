"""Names of fields and quantities that every flow may be asked for: what each is, its unit, what it needs of the case.

Those that a kind of chemistry adds are in combust.case.names.
"""

from __future__ import annotations

import difflib
import re

from combust.settings.base import Name

STREAMS = (
    "a fuel and an oxidizer: output.mixture_fraction = { fuel = ..., oxidizer = ... }, or an initial table with both, "
    "or with streams of both"
)
PROGRESS = (
    "fresh and burnt gas: output.progress = { fresh = ..., burnt = ... }, or an unburnt mixture, of "
    'initial.kind = "flame" or "kernel"'
)
FRESH = 'an unburnt mixture: use it with initial.kind = "flame" or "kernel"'
TURBULENCE = 'a turbulence closure: a turbulence.kind other than "none"'
ALONG_PATHS = 'turbulence.average = "lagrangian"'
EDDY_ENERGY = "a turbulence closure that says the energy of its eddies and what they dissipate"
AT_REST = (
    "a domain that kinetic energy neither enters nor leaves: sides that are periodic, symmetry or walls at rest, on a "
    "mesh without an axis"
)
BURNER = 'a side of boundary.kind = "burner"'
SIDES = tuple(f"{axis}_{end}" for axis in "zyx" for end in ("low", "high"))
WALL = 'a wall with friction: a side, or a part of one, of boundary.kind = "wall" without slip'
WALLS = {side: f'a wall with friction at {side}: boundary.{side} = {{ kind = "wall" }} without slip' for side in SIDES}
OF_FIELD = re.compile(r"(max|min|mean|sum)\((\w+)\)")
OF_SOURCE = re.compile(r"(\w+)\[(\d+)\]")  # a quantity that one of `sources` shows, by its place there
NOTHING = Name("")

FIELDS = {
    "T": Name("temperature", "K"),
    "u": Name("velocity, mean of the faces of a cell; components x, y, z", "m/s"),
    "p": Name("dynamic pressure", "Pa"),
    "rho": Name("density", "kg/m3"),
    "density": Name("the same as rho", "kg/m3"),
    "speed": Name("magnitude of the velocity", "m/s"),
    "Mach": Name("speed over the speed of sound of the frozen mixture"),
    "vorticity": Name("curl of the velocity; components x, y, z", "1/s"),
    "divergence": Name("divergence of the velocity", "1/s"),
    "strain": Name("magnitude of the rate of strain, sqrt(2 S:S)", "1/s"),
    "Q": Name("Q criterion, (W:W - S:S)/2: positive where rotation exceeds strain", "1/s2"),
    "viscous_dissipation": Name("kinetic energy that viscosity, of gas and eddies, turns to heat", "W/m3"),
    "enthalpy": Name("specific enthalpy, with those of formation", "J/kg"),
    "cp": Name("specific heat capacity at constant pressure", "J/kg/K"),
    "molar_mass": Name("mean molar mass", "kg/kmol"),
    "viscosity": Name("dynamic viscosity", "Pa s"),
    "nu_t": Name("kinematic viscosity of the eddies below the grid", "m2/s", TURBULENCE),
    "k_t": Name("kinetic energy of the eddies below the grid", "m2/s2", TURBULENCE),
    "epsilon_t": Name("what the eddies below the grid dissipate", "m2/s3", TURBULENCE),
    "resolution": Name(
        "resolved over all turbulent kinetic energy, from averages over the periodic directions now", "", TURBULENCE
    ),
    "Da": Name(
        "Damkoehler number: time of the eddies over that of the reactions; that of the eddies is k_t/epsilon_t, times "
        "Re_t^2 where Re_t = k_t^2/(nu epsilon_t) is below 1: zero where there are none",
        "",
        TURBULENCE,
    ),
    "Ka": Name(
        "Karlovitz number: time of the reactions over that of the smallest eddies, (nu/epsilon_t)^(1/2); zero where "
        "there are none of either, and as large as the time of the reactions in gas that does not burn",
        "",
        TURBULENCE,
    ),
    "conductivity": Name("thermal conductivity", "W/m/K"),
    "heat_release": Name("heat release rate, by the present rates", "W/m3"),
    "equivalence_ratio": Name("oxygen that C and H would need over the oxygen there is, from the elements"),
    "mixture_fraction": Name("Bilger's, 0 in the oxidizer and 1 in the fuel", "", STREAMS),
    "progress": Name(
        "progress variable: (T - T_u)/(T_b - T_u), T_b of equilibrium, or what output.progress says", "", PROGRESS
    ),
    "scalar_dissipation": Name("2 D |grad Z|^2 of the mixture fraction, D = lambda/(rho cp)", "1/s", STREAMS),
    "flame_index": Name(
        "cosine between the gradients of fuel and oxidizer: 1 premixed, -1 from two sides, 0 without gradient",
        "",
        STREAMS,
    ),
    "eos_drift": Name("(p of the equation of state - p0)/p0"),
    "wall_heat_flux": Name(
        "heat that leaves a cell through its walls and burners, over their area; zero elsewhere", "W/m2"
    ),
    "y_plus": Name(
        "distance in wall units, u_tau y/nu, of the cells beside walls with friction; zero elsewhere", "", WALL
    ),
    "rank": Name("MPI rank that owns the cell"),
}
FAMILIES = {"Y_": Name("mass fraction"), "X_": Name("mole fraction"), "omega_": Name("mass production rate", "kg/m3/s")}
QUANTITIES = {
    "T_max": Name("hottest cell", "K"),
    "T_min": Name("coldest cell", "K"),
    "p0": Name("thermodynamic pressure", "Pa"),
    "speed_max": Name("fastest cell", "m/s"),
    "flame_speed": Name("consumption speed of the fuel per section normal to x", "m/s", FRESH),
    "consumption_speed": Name("the same per area of the flame, flame_surface", "m/s", FRESH),
    "flame_surface": Name(
        "area of the iso-surfaces of progress c: integral of (1 - cos 2 pi c)|grad c|; of a planar case per m of depth",
        "m2",
        PROGRESS,
    ),
    "front": Name("mean x of the surface where T is half way between unburnt and burnt", "m", FRESH),
    "front_by_volume": Name(
        "x of a flat front with as much burnt gas behind it, by T between unburnt and burnt", "m", FRESH
    ),
    "inflow_speed": Name("mean velocity into the domain at low x, 0 where x is periodic", "m/s"),
    "heat_release": Name("heat release over the domain", "W"),
    "kinetic_energy": Name("kinetic energy of the domain", "J"),
    "enstrophy": Name("integral of |curl u|^2 / 2, from differences of neighbours", "m3/s2"),
    "viscous_dissipation": Name("kinetic energy that viscosity turns to heat", "W"),
    "modelled_dissipation": Name("of viscous_dissipation that by the viscosity of the eddies", "W", TURBULENCE),
    "resolved_dissipation": Name("of viscous_dissipation that by the viscosity of the gas", "W"),
    "numerical_dissipation": Name(
        "kinetic energy (of the velocities on faces) that the scheme itself took in the last step, by its time: what "
        "neither viscosity took nor pressure, gravity and sources put in; nan before the first step",
        "W",
        AT_REST,
    ),
    "Y_min": Name("most negative mass fraction: nothing is clipped"),
    "mass_error": Name("mass that appeared since the start, over the mass then"),
    "element_error": Name("largest appearance of an element since the start, over its amount then or what came in"),
    "enthalpy_error": Name("enthalpy that appeared since the start, over 3.5 p0 V"),
    "heat_to_burner": Name("heat that conducts into the burners", "W", BURNER),
    "wall_heat": Name("heat that leaves the gas through walls and burners now", "W"),
    "wall_energy": Name("heat that left it so far: with the energy of the gas it is constant in a closed box", "J"),
    **{f"wall_heat_{side}": Name(f"of wall_heat that of the side {side}", "W") for side in SIDES},
    **{f"wall_energy_{side}": Name(f"of wall_energy that of the side {side}", "J") for side in SIDES},
    **{
        f"friction_velocity_{side}": Name(
            f"(shear/density)^(1/2) of the walls with friction of the side {side}, by means over them",
            "m/s",
            WALLS[side],
        )
        for side in SIDES
    },
    "wall_species_flux": Name(
        "largest total flux of a species through a wall: round-off, with thermal diffusion too", "kg/m2/s"
    ),
    "eos_drift": Name("largest departure of the equation of state from p0, over p0"),
    "pressure_iterations": Name("of the last pressure solve"),
    "stages": Name("Runge-Kutta-Chebyshev stages of the last step"),
    "turbulence_held": Name(
        "values of what the closure carries, such as k, that transport alone would have left below zero, last step",
        "",
        TURBULENCE,
    ),
    "active_share": Name("share of the cells whose chemistry was integrated implicitly in the last step"),
}
OF_FIELDS = {
    "max(FIELD)": Name("largest value of a field, one of its components"),
    "min(FIELD)": Name("smallest value of a field"),
    "mean(FIELD)": Name("mean over the volume"),
    "sum(FIELD)": Name("integral over the volume"),
}
# What others call them.
SYNONYMS = {
    "temperature": "T", "Temperature": "T", "velocity": "u", "Velocity": "u", "U": "u", "pressure": "p", "P": "p",
    "RHO": "rho", "HRR": "heat_release", "Qdot": "heat_release", "heat_release_rate": "heat_release", "phi":
    "equivalence_ratio", "Z": "mixture_fraction", "c": "progress", "chi": "scalar_dissipation",
    "Omega": "vorticity", "q_criterion": "Q", "epsilon": "viscous_dissipation", "KE": "kinetic_energy",
    "h": "enthalpy", "mu": "viscosity",
    "lambda": "conductivity", "W": "molar_mass", "Ma": "Mach", "Su": "flame_speed", "SL": "flame_speed",
}  # fmt: skip


def unknown(what: str, name: str, known: list[str]) -> str:
    """What to say of a name that a flow does not know; what : "field" or "quantity";  known : those that it has."""
    near = [SYNONYMS[name]] if SYNONYMS.get(name) in known else difflib.get_close_matches(name, known, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    families = [", ".join(f"{p}<species>" for p in FAMILIES)] if what == "field" else []
    return f'{what} "{name}" is unknown; known: {", ".join([*known, *families])}{hint}'
