"""Wells that the tests of combust.kinetics.falloff share: HO2 from spectroscopic constants."""

import numpy as np

from combust.kinetics.falloff.collisions import Collider
from combust.kinetics.falloff.densities import Molecule
from combust.kinetics.falloff.microcanonical import Law
from combust.kinetics.falloff.well import Well

HO2 = Molecule(33.00584, (1098.0, 1392.0, 3436.0), (20.36, 1.118, 1.056), 1.0, ((2.0, 0.0),))
H = Molecule(1.00784, electronic=((2.0, 0.0),))
O2 = Molecule(31.998, (1580.0,), (1.4377,), 2.0, ((3.0, 0.0),))
SELLEVAG = Law(((25e-11 * 6.02214076e20, -0.367, 0.0), (7.5e-13 * 6.02214076e20, 0.702, 0.0)))
N2 = Collider(33.00584 * 28.014 / (33.00584 + 28.014), 3.54e-10, 102.3, 250.0, 0.5)


def ho2(active="K", law=SELLEVAG):
    return Well(HO2, (H, O2), 16788.0, law, active)


T = np.array([200.0, 300.0, 700.0, 1500.0, 2500.0])
