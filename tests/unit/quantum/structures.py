"""H + H2 -> H2 + H, with numbers of a CCSD(T) study, and what tests make of it."""

import msgspec

from combust.kinetics.quantum.record import Record

LEVEL = "ccsd(t)/cbs(cc-pvtz,cc-pvqz)"
HARTREE_CM, HARTREE_KCAL = 219474.6313632, 627.5094740631
H = Record(species="H", level=LEVEL, elements=("H",), coordinates=((0, 0, 0),), multiplicity=2, energies={LEVEL: -0.5},
           s2={LEVEL: 0.75})  # fmt: skip
H2 = Record(species="H2", level=LEVEL, elements=("H", "H"), coordinates=((0, 0, 0), (0, 0, 0.7414)),
            energies={LEVEL: -1.1745}, frequencies=(4401,), s2={LEVEL: 0.0})  # fmt: skip
SADDLE = Record(
    species="H3", level=LEVEL, elements=("H", "H", "H"), coordinates=((0, 0, -0.930), (0, 0, 0), (0, 0, 0.930)),
    multiplicity=2, energies={LEVEL: -1.6745 + 9.61 / HARTREE_KCAL}, frequencies=(917, 917.1, 2054), imaginary=(1510,),
    mode=((0, 0, -0.408), (0, 0, 0.816), (0, 0, -0.408)), s2={LEVEL: 0.76}, connects=("H + H2", "H + H2"),
)  # fmt: skip


def other(record: Record, **changes: object) -> Record:
    """A record with some fields changed."""
    return msgspec.structs.replace(record, **changes)


# Of combust tst, in seconds where PySCF is.
QUICK = """
reaction = "H + H2 <=> H2 + H"
species.H = { atoms = "H 0 0 0", multiplicity = 2 }
species.H2.atoms = "H 0 0 0; H 0 0 0.74"
saddle = { atoms = "H 0 0 -0.95; H 0 0.02 0; H 0 0 0.91", multiplicity = 2 }
level = "hf/6-31g"
energy = "ccsd(t)/cc-pvdz"
scale = 0.9
"""
