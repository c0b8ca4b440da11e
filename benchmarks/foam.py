"""A flame as OpenFOAM's reactingFoam is given it: mechanism, mesh, fields, settings; and what comes of a run.

Mechanisms go over as OpenFOAM writes them: NASA polynomials (janaf), reactions in kmol, m3 and s; viscosities as
Sutherland's law fitted to Cantera's between 300 and 2500 K. Conduction is then OpenFOAM's modified Eucken formula and
species diffuse with Sc = 1: its own closure, which no input changes, so that its speeds converge to a value of its own.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cantera as ct
import numpy as np

SOLVER = "reactingFoam"
HEADER = "FoamFile {{ version 2.0; format ascii; class {kind}; object {name}; }}\n"
NASA = 7  # coefficients of a range
SEULEX = "odeCoeffs { solver seulex; absTol 1e-08; relTol 0.1; }\n"
# As in its tutorial counterFlowFlame2D_GRI_TDAC: tables of results (ISAT), of a mechanism reduced in each cell (DAC).
TABLES = (
    "tabulation { active on; log off; printProportion off; printNumRetrieve off; tolerance 1e-4; method ISAT; "
    "scaleFactor { otherSpecies 1; Temperature 2500; Pressure 1e15; deltaT 1; } maxNLeafs 2000; chPMaxLifeTime 100; "
    "maxGrowth 10; checkEntireTreeInterval 5; maxDepthFactor 2; minBalanceThreshold 30; MRURetrieve false; "
    "maxMRUSize 0; growPoints true; maxNumNewDim 10; }\n"
)
REDUCED = (
    "reduction {{ active {active}; log off; tolerance 1e-4; method DAC; initialSet {{ H2; HO2; }} "
    "automaticSIS off; fuelSpecies {{ H2 1; }} }}\n"
)
FIRST = "chemistryType {{ solver ode; method {method}; }}\nchemistry {on}; initialChemicalTimeStep 1e-07;\n"
CHEMISTRY = {
    "seulex": FIRST.format(method="standard", on="on") + SEULEX,
    "TDAC": FIRST.format(method="TDAC", on="on") + SEULEX + REDUCED.format(active="on") + TABLES,
    "TDAC without DAC": FIRST.format(method="TDAC", on="on") + SEULEX + REDUCED.format(active="off") + TABLES,
    "none": FIRST.format(method="standard", on="off") + SEULEX,
}


class Flow(NamedTuple):
    """A flame in a box: cells and lengths [m] along and across it, inflow [m/s], time step and end [s], writes;
    chemistry: one of CHEMISTRY.
    """

    cells: tuple[int, int]
    size: tuple[float, float]
    inflow: float
    dt: float
    end: float
    every: float
    chemistry: str = "seulex"


def installed() -> bool:
    """Whether there is OpenFOAM here."""
    return shutil.which(SOLVER) is not None and shutil.which("blockMesh") is not None


# --- the mechanism


def sutherland(gas: ct.Solution, species: int) -> tuple[float, float]:
    """As [kg/(m s K^0.5)] and Ts [K] of mu = As sqrt(T) / (1 + Ts/T): a straight line through sqrt(T)/mu over 1/T."""
    temperatures = np.linspace(300.0, 2500.0, 45)
    viscosity = []
    for T in temperatures:
        gas.TP = T, ct.one_atm
        viscosity.append(gas.species_viscosities[species])
    slope, offset = np.polyfit(1.0 / temperatures, np.sqrt(temperatures) / np.array(viscosity), 1)
    return 1.0 / offset, slope / offset


def thermo(gas: ct.Solution) -> str:
    """Species in OpenFOAM's form."""
    entries = []
    for k, species in enumerate(gas.species()):
        poly = species.thermo
        coeffs = poly.coeffs
        high, low = coeffs[1 : 1 + NASA], coeffs[1 + NASA : 1 + 2 * NASA]
        As, Ts = sutherland(gas, k)
        elements = " ".join(f"{e} {int(n)};" for e, n in species.composition.items())
        entries.append(
            f"{species.name}\n{{\n"
            f"    specie {{ molWeight {gas.molecular_weights[k]:.10g}; }}\n"
            f"    thermodynamics {{ Tlow {poly.min_temp:g}; Thigh {poly.max_temp:g}; Tcommon {coeffs[0]:g};\n"
            f"        highCpCoeffs ({row(high)}); lowCpCoeffs ({row(low)}); }}\n"
            f"    transport {{ As {As:.8g}; Ts {Ts:.8g}; }}\n"
            f"    elements {{ {elements} }}\n}}\n"
        )
    return "".join(entries)


def row(values: np.ndarray) -> str:
    return " ".join(f"{v:.10g}" for v in values)


def arrhenius(rate: ct.Arrhenius) -> str:
    return (
        f"A {rate.pre_exponential_factor:.10g}; beta {rate.temperature_exponent:.10g}; "
        f"Ta {rate.activation_energy / ct.gas_constant:.10g};"
    )


def colliders(gas: ct.Solution, reaction: ct.Reaction) -> str:
    """Efficiencies of all species."""
    body = reaction.third_body
    pairs = " ".join(f"({n} {body.efficiencies.get(n, body.default_efficiency):g})" for n in gas.species_names)
    return f"coeffs ({pairs});"


def side(species: Mapping[str, float]) -> str:
    return " + ".join(f"{'' if n == 1 else f'{n:g}'}{name}" for name, n in species.items())


def equation(reaction: ct.Reaction) -> str:
    """With a named collider (H + O2 + AR) as a reactant and a product."""
    reactants, products = dict(reaction.reactants), dict(reaction.products)
    if named_collider(reaction):
        name = reaction.third_body.name
        reactants[name] = reactants.get(name, 0) + 1
        products[name] = products.get(name, 0) + 1
    return f"{side(reactants)} = {side(products)}"


def named_collider(reaction: ct.Reaction) -> bool:
    return reaction.third_body is not None and reaction.third_body.name != "M"


def reactions(gas: ct.Solution) -> str:
    """Reactions in OpenFOAM's form; those that h2o2.yaml has: elementary, third bodies, Troe.

    Raises ValueError for others.
    """
    entries = []
    for i, reaction in enumerate(gas.reactions()):
        rate, body = reaction.rate, reaction.third_body
        if isinstance(rate, ct.TroeRate):
            kind = "reversibleArrheniusTroeFallOffReaction"
            a, T3, T1, *T2 = rate.falloff_coeffs
            rest = (
                f"k0 {{ {arrhenius(rate.low_rate)} }} kInf {{ {arrhenius(rate.high_rate)} }} "
                f"F {{ alpha {a:.10g}; Tsss {T3:.10g}; Ts {T1:.10g}; Tss {T2[0] if T2 else 1e30:.10g}; }} "
                f"thirdBodyEfficiencies {{ {colliders(gas, reaction)} }}"
            )
        elif not isinstance(rate, ct.ArrheniusRate):
            raise ValueError(f"reaction {i + 1} ({reaction.equation}): no form of {type(rate).__name__} here")
        elif body is not None and not named_collider(reaction):
            kind = "reversiblethirdBodyArrheniusReaction"
            rest = f"{arrhenius(rate)} {colliders(gas, reaction)}"
        else:
            kind, rest = "reversibleArrheniusReaction", arrhenius(rate)
        entries.append(f'    r{i} {{ type {kind}; reaction "{equation(reaction)}"; {rest} }}\n')
    species = " ".join(gas.species_names)
    elements = " ".join(gas.element_names)
    return f"elements ({elements});\nspecies ({species});\nreactions\n{{\n{''.join(entries)}}}\n"


# --- the case


def settings(flow: Flow) -> dict[str, str]:
    """The files that say how: as in the tutorials, with an extrapolating chemistry solver at their tolerance."""
    return {
        "system/controlDict": f"application {SOLVER}; startFrom startTime; startTime 0; stopAt endTime; "
        f"endTime {flow.end:g}; deltaT {flow.dt:g}; writeControl timeStep; "
        f"writeInterval {round(flow.every / flow.dt)}; purgeWrite 0; writeFormat ascii; writePrecision 10; "
        "writeCompression off; timeFormat general; timePrecision 8; runTimeModifiable false; adjustTimeStep no;\n",
        "system/fvSchemes": "ddtSchemes { default Euler; } gradSchemes { default Gauss linear; }\n"
        "divSchemes { default none; div(phi,U) Gauss limitedLinearV 1; div(phi,Yi_h) Gauss limitedLinear 1; "
        "div(phi,K) Gauss limitedLinear 1; div(phid,p) Gauss limitedLinear 1; "
        "div(((rho*nuEff)*dev2(T(grad(U))))) Gauss linear; }\n"
        "laplacianSchemes { default Gauss linear orthogonal; } interpolationSchemes { default linear; } "
        "snGradSchemes { default orthogonal; }\n",
        "system/fvSolution": 'solvers { "rho.*" { solver diagonal; } '
        "p { solver PCG; preconditioner DIC; tolerance 1e-6; relTol 0.1; } pFinal { $p; relTol 0; } "
        '"(U|h|k|epsilon)" { solver PBiCGStab; preconditioner DILU; tolerance 1e-6; relTol 0.1; } '
        '"(U|h|k|epsilon)Final" { $U; relTol 0; } Yi { solver PBiCGStab; preconditioner DILU; tolerance 1e-6; '
        "relTol 0; } YiFinal { $Yi; } }\n"
        "PIMPLE { momentumPredictor yes; nOuterCorrectors 1; nCorrectors 2; nNonOrthogonalCorrectors 0; }\n",
        "constant/thermophysicalProperties": "thermoType { type hePsiThermo; mixture reactingMixture; transport "
        "sutherland; thermo janaf; energy sensibleEnthalpy; equationOfState perfectGas; specie specie; }\n"
        'inertSpecie N2; chemistryReader foamChemistryReader; foamChemistryFile "<constant>/reactions"; '
        'foamChemistryThermoFile "<constant>/thermo";\n',
        "constant/chemistryProperties": CHEMISTRY[flow.chemistry],
        "constant/combustionProperties": "combustionModel laminar; laminarCoeffs { }\n",
        "constant/turbulenceProperties": "simulationType laminar;\n",
        "constant/g": "dimensions [0 1 -2 0 0 0 0]; value (0 0 0);\n",
    }


def mesh(flow: Flow) -> str:
    """A box of one cell's depth, the sides across the flame periodic."""
    (nx, ny), (lx, ly) = flow.cells, flow.size
    depth = lx / nx
    return (
        f"vertices ( (0 0 0) ({lx:.12g} 0 0) ({lx:.12g} {ly:.12g} 0) (0 {ly:.12g} 0) (0 0 {depth:.12g}) "
        f"({lx:.12g} 0 {depth:.12g}) ({lx:.12g} {ly:.12g} {depth:.12g}) (0 {ly:.12g} {depth:.12g}) );\n"
        f"blocks ( hex (0 1 2 3 4 5 6 7) ({nx} {ny} 1) simpleGrading (1 1 1) );\nedges ();\nboundary (\n"
        "inlet { type patch; faces ((0 4 7 3)); }\noutlet { type patch; faces ((1 2 6 5)); }\n"
        "low { type cyclic; neighbourPatch high; faces ((0 1 5 4)); }\n"
        "high { type cyclic; neighbourPatch low; faces ((3 7 6 2)); }\n"
        "planes { type empty; faces ((0 3 2 1) (4 5 6 7)); }\n);\n"
    )


def field(name: str, values: np.ndarray, dimensions: str, inlet: str, outlet: str) -> str:
    """A field of cells (cells,) or (cells, 3) with what stands at the sides."""
    kind = "vector" if values.ndim == 2 else "scalar"
    rows = (f"({row(v)})" if values.ndim == 2 else f"{v:.10g}" for v in values)
    return (
        HEADER.format(kind=f"vol{kind.capitalize()}Field", name=name)
        + f"dimensions [{dimensions}];\ninternalField nonuniform List<{kind}>\n{len(values)}\n(\n"
        + "\n".join(rows)
        + f"\n);\nboundaryField {{ inlet {{ {inlet} }} outlet {{ {outlet} }} low {{ type cyclic; }} "
        "high { type cyclic; } planes { type empty; } }\n"
    )


def write(folder: Path, gas: ct.Solution, flow: Flow, T: np.ndarray, Y: np.ndarray, u: np.ndarray) -> None:
    """The case in `folder`: start fields T (ny, nx), Y (K, ny, nx), u (ny, nx) at cells; gas: mechanism, pressure."""
    for name, text in settings(flow).items():
        put(folder / name, HEADER.format(kind="dictionary", name=Path(name).name) + text)
    put(folder / "system/blockMeshDict", HEADER.format(kind="dictionary", name="blockMeshDict") + mesh(flow))
    pressure, cells = gas.P, T.size
    put(folder / "constant/reactions", reactions(gas))
    put(folder / "constant/thermo", thermo(gas))
    zero = "type zeroGradient;"

    def fixed(value: str) -> str:
        return f"type fixedValue; value uniform {value};"

    velocity = np.stack([u.ravel(), np.zeros(cells), np.zeros(cells)], 1)
    put(folder / "0/U", field("U", velocity, "0 1 -1 0 0 0 0", fixed(f"({flow.inflow:.10g} 0 0)"), zero))
    put(folder / "0/T", field("T", T.ravel(), "0 0 0 1 0 0 0", fixed(f"{T[0, 0]:.10g}"), zero))
    put(folder / "0/p", field("p", np.full(cells, pressure), "1 -1 -2 0 0 0 0", zero, fixed(f"{pressure:.10g}")))
    for name, mass in zip(gas.species_names, Y, strict=True):
        put(folder / f"0/{name}", field(name, mass.ravel(), "0 0 0 0 0 0 0", fixed(f"{mass[0, 0]:.10g}"), zero))


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# --- a run


def environment() -> dict[str, str]:
    """That of its programs, which look for their settings there."""
    return {**os.environ, "WM_PROJECT_DIR": os.environ.get("WM_PROJECT_DIR", "/usr/share/openfoam")}


def program(name: str, folder: Path) -> float:
    """CPU seconds of a program, start included. Raises RuntimeError with the end of its log when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([name], cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    put(folder / f"log.{name}", done.stdout + done.stderr)
    if done.returncode:
        raise RuntimeError(f"{name} in {folder}: {(done.stdout + done.stderr)[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(folder: Path) -> float:
    """CPU seconds of the solver, start included. Raises RuntimeError with the end of its log when it fails."""
    program("blockMesh", folder)
    return program(SOLVER, folder)


class Solver:
    """A solver that stands still but for the steps that it is asked for; ends with the block that it is opened in.

    CPU time is the solver's own, which it prints after each step, in hundredths of a second.
    """

    SPENT = re.compile(r"ExecutionTime = (\S+) s")

    def __init__(self, folder: Path):
        """Raises RuntimeError where the mesh cannot be made."""
        program("blockMesh", folder)
        self.cpu, self._log = 0.0, deque[str](maxlen=40)
        self._process = subprocess.Popen(
            [SOLVER], cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> Solver:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def steps(self, count: int) -> float:
        """CPU seconds of the next steps. Raises RuntimeError with the end of the log where the solver ends first."""
        before = self.cpu
        self._process.send_signal(signal.SIGCONT)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.append(line)
            if found := self.SPENT.search(line):
                self.cpu, count = float(found[1]), count - 1
                if not count:
                    self._process.send_signal(signal.SIGSTOP)
                    return self.cpu - before
        raise RuntimeError(f"{SOLVER} has ended: {''.join(self._log)[-2000:]}")


def written(folder: Path) -> list[tuple[float, Path]]:
    """Times [s] that were written, and their folders, in order; without the start."""
    found = [(float(p.name), p) for p in folder.iterdir() if p.is_dir() and p.name[0].isdigit() and p.name != "0"]
    return sorted(found)


def read(path: Path, cells: int) -> np.ndarray:
    """Values (cells,) of a scalar field that was written."""
    text = path.read_text()
    start = text.index("internalField")
    if text[start : start + 40].split()[1] == "uniform":
        return np.full(cells, float(text[start:].split(";")[0].split()[-1]))
    body = text[text.index("(", start) + 1 : text.index(")", start)]
    return np.array(body.split(), dtype=float)
