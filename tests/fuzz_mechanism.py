"""Mechanisms changed at random, in a process of its own, since Cantera may end it: python fuzz_mechanism.py SEED COUNT.

Prints the number of each file before it is read; ends with "done" and how many were accepted.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

import mutations
import numpy as np
from ruamel.yaml import YAML

from combust.errors import CombustError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.terminal import OBEYED

MEMORY, SECONDS = 6 << 30, 120  # bytes of addresses, CPU seconds of all files
WHOLE = """
units: {length: cm, time: s, quantity: mol, activation-energy: cal/mol}
phases:
- name: gas
  thermo: ideal-gas
  elements: [H, O, N]
  species: [H, O2, OH, O, N2]
  kinetics: gas
  transport: mixture-averaged
  state: {T: 300.0, P: 1 atm}
species:
- name: H
  composition: {H: 1}
  thermo: {model: NASA7, temperature-ranges: [200.0, 3500.0], data: [[2.5, 0, 0, 0, 0, 25473.66, -0.4466]]}
  transport: {model: gas, geometry: atom, well-depth: 145.0, diameter: 2.05}
- name: O2
  composition: {O: 2}
  thermo:
    model: NASA7
    temperature-ranges: [200.0, 1000.0, 3500.0]
    data:
    - [3.78245636, -2.99673416e-03, 9.84730201e-06, -9.68129509e-09, 3.24372837e-12, -1063.94356, 3.65767573]
    - [3.28253784, 1.48308754e-03, -7.57966669e-07, 2.09470555e-10, -2.16717794e-14, -1088.45772, 5.45323129]
  transport: {model: gas, geometry: linear, well-depth: 107.4, diameter: 3.458, polarizability: 1.6,
    rotational-relaxation: 3.8}
- name: OH
  composition: {O: 1, H: 1}
  thermo:
    model: NASA9
    temperature-ranges: [200.0, 1000.0, 6000.0]
    data:
    - [-1998.85899, 93.0013616, 3.050854229, 1.529529288e-03, -3.157890998e-06, 3.31544618e-09, -1.138762683e-12,
      2991.214235, 4.67411079]
    - [1.017393379e+06, -2509.957276, 5.11654786, 1.30529993e-04, -8.28432226e-08, 2.006475941e-11, -1.556993656e-15,
      2.019640206e+04, -11.01282337]
  transport: {model: gas, geometry: linear, well-depth: 80.0, diameter: 2.75}
- name: O
  composition: {O: 1}
  thermo: {model: NASA7, temperature-ranges: [200.0, 3500.0], data: [[2.5, 0, 0, 0, 0, 29230.0, 4.9]]}
  transport: {model: gas, geometry: atom, well-depth: 80.0, diameter: 2.75}
- name: N2
  composition: {N: 2}
  thermo: {model: NASA7, temperature-ranges: [200.0, 3500.0], data: [[3.5, 0, 0, 0, 0, -1046.0, 2.9]]}
  transport: {model: gas, geometry: linear, well-depth: 97.53, diameter: 3.62}
reactions:
- equation: H + O2 <=> O + OH
  rate-constant: {A: 2.65e+16, b: -0.6707, Ea: 1.7041e+04}
- equation: H + O + M <=> OH + M
  type: three-body
  rate-constant: {A: 5.0e+17, b: -1.0, Ea: 0.0}
  efficiencies: {O2: 2.0, N2: 0.8}
- equation: O + O (+M) <=> O2 (+M)
  type: falloff
  low-P-rate-constant: {A: 2.3e+18, b: -0.9, Ea: -1700.0}
  high-P-rate-constant: {A: 7.4e+13, b: -0.37, Ea: 0.0}
  Troe: {A: 0.7346, T3: 94.0, T1: 1756.0, T2: 5182.0}
- equation: OH <=> H + O
  type: pressure-dependent-Arrhenius
  rate-constants:
  - {P: 0.1 atm, A: 1.0e+13, b: 0, Ea: 90000}
  - {P: 1.0 atm, A: 1.0e+14, b: 0, Ea: 90000}
- equation: O2 <=> O + O
  type: Chebyshev
  duplicate: true
  temperature-range: [300.0, 2500.0]
  pressure-range: [0.01 atm, 100 atm]
  data:
  - [-8.0, -0.1, 0.01]
  - [9.0, 0.1, 0.01]
- equation: O + OH => O + O + H
  type: Blowers-Masel
  rate-constant: {A: 3.87e+04, b: 2.7, Ea0: 6260.0, w: 1.0e+06}
- equation: O + O <=> O2
  type: linear-Burke
  duplicate: true
  colliders:
  - name: M
    type: pressure-dependent-Arrhenius
    rate-constants:
    - {P: 0.1 atm, A: 1.0e+10, b: 0, Ea: 9000}
    - {P: 10.0 atm, A: 1.0e+11, b: 0, Ea: 9000}
  - {name: N2, efficiency: {A: 1.2, b: 0.0, Ea: 0}}
"""
YAML_NAMES = (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf"))


def changed(rng: np.random.Generator, whole: Any) -> str:
    """As a tree, written as JSON, which is YAML, or as a text."""
    if not rng.integers(3):
        return mutations.text(rng, WHOLE)
    text = json.dumps(mutations.tree(rng, whole))
    for ours, theirs in YAML_NAMES:
        text = re.sub(rf"(?<![\w\"]){ours}\b", theirs, text)
    return text


def read(path: Path) -> None:
    """Loads it and asks for rates and transport; all of it must be finite."""
    gas = Mechanism.load(path)
    Y = np.full((len(gas.species), 2), 1.0 / len(gas.species))
    found = [gas.net_production_rates([1200.0, 2500.0], 1e5, Y), gas.enthalpy([1200.0, 2500.0], Y)]
    try:
        found += gas.transport([1200.0, 2500.0], 1e5, Y)
    except CombustError as error:
        assert path.stem in str(error), f"{error} does not name the file"
    for value in found:
        assert bool(value.isfinite().all()), "a number that is not finite was accepted"


def main(seed: int, count: int) -> None:
    """All files; the first that fails ends it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    warnings.simplefilter("ignore", UserWarning)  # of Cantera, about data that do not join
    whole, path, accepted = YAML(typ="safe", pure=True).load(WHOLE), Path(tempfile.mkdtemp()) / "changed.yaml", 0
    path.write_text(WHOLE)
    read(path)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        path.write_text(changed(rng, whole), encoding="utf-8", errors="replace")
        print(f"[{seed}, {number}]", flush=True)
        try:
            read(path)
            accepted += 1
        except CombustError as error:
            assert "changed" in str(error) and not OBEYED.search(str(error)), str(error)
        except (Exception, SystemExit) as error:
            print(traceback.format_exc()[-1500:], flush=True)
            print(f"{type(error).__name__} in {path}: {error}", flush=True)
            sys.exit(1)
    print(f"done: {accepted} of {count} accepted", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
