"""PySCF: energies, gradients and second derivatives of Hartree-Fock, functionals and CCSD(T)."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

import numpy as np

from combust.errors import ConfigError, DependencyError, DivergenceError
from combust.kinetics.quantum.engines import levels
from combust.kinetics.quantum.engines.structure import Array, Energy, Structure

GET = "pip install 'combust[quantum]' (pyscf, pyscf-dispersion, geometric, cclib)"
TIGHT = 1e-10  # hartree, of self-consistency
MEMORY = 4000  # MB


def need(name: str) -> Any:
    """A module of the extra. Raises DependencyError with what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DependencyError(f"electronic structure needs {name}, which cannot be imported ({error}): {GET}") from None


class PyscfEngine:
    """Runs in this process; open shells unrestricted, cores frozen in CCSD(T). Every calculation begins from the same
    guess, whatever came before, so that a run that was killed finds the same numbers.
    """

    def __init__(self) -> None:
        need("pyscf")
        self.version = f"pyscf {importlib.metadata.version('pyscf')}"

    def molecule(self, structure: Structure, basis: str) -> Any:
        """PySCF's."""
        gto = need("pyscf.gto")
        atoms = list(zip(structure.elements, structure.coordinates, strict=True))
        try:
            return gto.M(atom=atoms, unit="Angstrom", basis=basis, charge=structure.charge, verbose=0,
                         spin=structure.multiplicity - 1, max_memory=MEMORY)  # fmt: skip
        except Exception as error:  # noqa: BLE001  PySCF raises any
            raise ConfigError(f"{structure.name}: {basis}: PySCF has no such basis for it: {error}") from None

    def field(self, structure: Structure, level: levels.Level) -> Any:
        """A converged mean field. Raises ConfigError, DivergenceError."""
        molecule = self.molecule(structure, level.basis)
        if level.method in levels.HARTREE_FOCK or level.method in levels.COUPLED:
            scf = need("pyscf.scf")
            made = scf.RHF(molecule) if structure.multiplicity == 1 else scf.UHF(molecule)
        else:
            made = self.functional(structure, molecule, level)
        made.conv_tol = TIGHT
        made.max_cycle = 200
        made.kernel()
        if not made.converged:
            made = made.newton()
            made.kernel()
        if not made.converged:
            raise DivergenceError(f"{structure.name}: {level.text}: self-consistency was not reached in 200 cycles")
        return made

    def functional(self, structure: Structure, molecule: Any, level: levels.Level) -> Any:
        """Kohn-Sham. Raises ConfigError for a name that PySCF does not know."""
        dft = need("pyscf.dft")
        if "-d3" in level.method or "-d4" in level.method:
            need("pyscf.dispersion")
        try:
            made = (
                dft.RKS(molecule, xc=level.method)
                if structure.multiplicity == 1
                else dft.UKS(molecule, xc=level.method)
            )
            made._numint.rsh_and_hybrid_coeff(made.xc, molecule.spin)
        except Exception as error:  # noqa: BLE001  PySCF raises any
            raise ConfigError(f"level {level.text}: PySCF knows no such method: {error}") from None
        return made

    def energy(self, structure: Structure, level: str) -> Energy:
        """See Engine."""
        wanted = levels.parsed(level)
        if wanted.pair:
            raise ConfigError(f"level {level}: is made of energies in two bases")
        field = self.field(structure, wanted)
        if wanted.method not in levels.COUPLED:
            return Energy(float(field.e_tot), spin(field))
        return self.coupled(structure, wanted, field)

    def coupled(self, structure: Structure, level: levels.Level, field: Any) -> Energy:
        """CCSD, with triples. One electron, or one of each spin alone, has what correlation it can have."""
        cc, core = need("pyscf.cc"), need("pyscf.data.elements").chemcore(field.mol)
        if field.mol.nelectron < 2 or min(field.mol.nelec) == 0 and max(field.mol.nelec) < 2:
            return Energy(float(field.e_tot), spin(field), "no correlation")
        made = cc.CCSD(field, frozen=core or None)
        made.max_cycle, made.conv_tol = 200, 1e-8
        integrals = made.ao2mo()  # as costly as some cycles: the triples would make them again
        made.kernel(eris=integrals)
        if not made.converged:
            raise DivergenceError(f"{structure.name}: {level.text}: CCSD did not converge in 200 cycles")
        triples = float(made.ccsd_t(eris=integrals)) if level.method == "ccsd(t)" else 0.0
        about = f"reference {float(field.e_tot):.12f}, {core} core orbitals frozen, T1 {t1(made):.4f}"
        return Energy(float(made.e_tot) + triples, spin(field), about)

    def gradient(self, structure: Structure, level: str) -> tuple[Energy, Array]:
        """See Engine."""
        field = self.field(structure, self.plain(level))
        made: Array = np.asarray(field.nuc_grad_method().kernel(), dtype=float)
        return Energy(float(field.e_tot), spin(field)), made

    def hessian(self, structure: Structure, level: str) -> tuple[Energy, Array]:
        """See Engine."""
        field = self.field(structure, self.plain(level))
        made = np.asarray(field.Hessian().kernel(), dtype=float)
        n = len(structure.elements)
        return Energy(float(field.e_tot), spin(field)), made.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)

    def plain(self, level: str) -> levels.Level:
        """Raises ConfigError for one without analytic second derivatives."""
        wanted = levels.parsed(level)
        if wanted.method in levels.COUPLED or wanted.pair:
            raise ConfigError(f"level {level}: geometries and frequencies are those of a functional (or hf)")
        return wanted


def spin(field: Any) -> float:
    """<S2>."""
    return float(field.spin_square()[0])


def t1(coupled: Any) -> float:
    """The T1 diagnostic: the norm of single excitations over the root of the number of correlated electrons
    (doi:10.1002/qua.560360824); above 0.04 in open shells a single reference is in doubt.
    """
    if isinstance(coupled.t1, tuple):
        norm = np.sqrt(sum(float(np.sum(part**2)) for part in coupled.t1))
        return float(norm / np.sqrt(max(1, sum(coupled.nocc))))
    return float(np.linalg.norm(coupled.t1) / np.sqrt(2 * coupled.nocc))
