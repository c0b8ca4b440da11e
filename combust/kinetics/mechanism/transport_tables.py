"""Reads Cantera's fits of transport properties into the tensors that the transport kernels take."""

from __future__ import annotations

import cantera as ct
import numpy as np
import torch

from combust.errors import MechanismError
from combust.kinetics.mechanism.guard import require_transport
from combust.kinetics.transport.properties import TransportData
from combust.kinetics.transport.soret import SoretData

LIGHT = 5.0  # kg/kmol: H, H2, D2, He ...


def transport_from_cantera(solution: ct.Solution, device: torch.device | str = "cpu") -> TransportData:
    """Cantera's fits. Raises MechanismError when a species has no transport data, or what is read is not what
    Cantera computes.
    """
    before = solution.transport_model
    try:
        if before != "mixture-averaged":  # setting it makes all fits anew
            solution.transport_model = "mixture-averaged"
    except ct.CanteraError as error:
        raise MechanismError(_missing(solution)) from error
    _require_usable(solution)
    try:
        data = _mixture_averaged(solution)
        require_transport(data, solution)
    finally:
        if before != "mixture-averaged":
            solution.transport_model = before
    return TransportData(*(x.to(device) for x in data))


def soret_from_cantera(
    solution: ct.Solution, lighter_than: float = LIGHT, device: torch.device | str = "cpu"
) -> SoretData:
    """Of the species with a molar mass below `lighter_than` kg/kmol; a mixture-averaged transport model is set.

    Raises MechanismError if there is none.
    """
    W = np.array(solution.molecular_weights)
    light, n = [k for k in range(len(W)) if W[k] < lighter_than], range(len(W))
    light = [k for k in light if solution.species(k).charge == 0]
    if not light:
        raise MechanismError(
            f"{solution.source}: Soret diffusion acts on species lighter than {lighter_than:g} kg/kmol and there "
            "is none; leave soret off"
        )
    c_star = [[solution.get_collision_integral_polynomials(k, j)[2] for j in n] for k in light]
    pairs = [[solution.get_binary_diff_coeffs_polynomial(k, j) for j in n] for k in light]
    r_mass = 1.0 / (W[light][:, None] + W[None, :])
    r_mass[np.arange(len(light)), light] = 0.0
    place = np.eye(len(W))[:, light]
    arrays = (
        place, 1.0 - place.sum(1), np.moveaxis(np.array(c_star), -1, 0), np.log(_well_depths(solution)[light]),
        np.moveaxis(np.array(pairs), -1, 0), r_mass,
    )  # fmt: skip
    tensors = (torch.tensor(x.copy(), dtype=torch.float64, device=device) for x in arrays)
    return SoretData(torch.tensor(W, device=device), torch.tensor(light, device=device), *tensors)


def _mixture_averaged(solution: ct.Solution) -> TransportData:
    """Of a solution with the mixture-averaged model, on the CPU."""
    W = np.array(solution.molecular_weights)
    a = (W[None, :] / W[:, None]) ** 0.25
    d = 1.0 / np.sqrt(8.0 * (1.0 + W[:, None] / W[None, :]))
    others = 1.0 - np.eye(len(W)) if len(W) > 1 else np.ones((1, 1))  # one species diffuses in itself, as in Cantera
    arrays = (W, *_polynomials(solution), np.stack([d, 2.0 * d * a, d * a * a]), others)
    return TransportData(*(torch.tensor(x, dtype=torch.float64) for x in arrays))


def _polynomials(solution: ct.Solution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = range(solution.n_species)
    viscosity = [solution.get_viscosity_polynomial(k) for k in n]
    conductivity = [solution.get_thermal_conductivity_polynomial(k) for k in n]
    diffusivity = [[solution.get_binary_diff_coeffs_polynomial(j, k) for k in n] for j in n]
    return np.array(viscosity), np.array(conductivity), np.moveaxis(np.array(diffusivity), -1, 0)


def _require_usable(solution: ct.Solution) -> None:
    """Raises MechanismError naming a species whose molecules have no size or no well."""
    for s in solution.species():
        for name in ("diameter", "well_depth"):
            value = getattr(s.transport, name, 1.0)
            if not 0.0 < value < np.inf:
                raise MechanismError(
                    f"{solution.source}: transport of species {s.name}: {name.replace('_', '-')} = {value:g} (SI): "
                    "must be a positive number"
                )


def _missing(solution: ct.Solution) -> str:
    without = [s.name for s in solution.species() if s.transport is None]
    names = ", ".join(without[:8]) + (" ..." if len(without) > 8 else "")
    return (
        f"{solution.source}: no transport data for {names or 'this phase'}; add a `transport` block to each "
        f'species, or use transport model "constant"'
    )


def _well_depths(solution: ct.Solution) -> np.ndarray:
    """eps_kj / k_B (species, species) in K of Cantera's fits: geometric means, deeper where a dipole meets none.

    Dixon-Lewis, Proc. R. Soc. A 307, 111 (1968). doi:10.1098/rspa.1968.0178
    """
    data = [s.transport for s in solution.species()]
    sigma, depth, dipole, polarizability = (
        np.array([getattr(t, name) for t in data]) for name in ("diameter", "well_depth", "dipole", "polarizability")
    )
    mean = np.sqrt(depth[:, None] * depth[None, :])
    # xi[k, j] for a polar k and a nonpolar j
    reduced_dipole = dipole**2 / (4 * np.pi * ct.epsilon_0 * sigma**3 * depth)
    xi = 1 + 0.25 * reduced_dipole[:, None] * (polarizability / sigma**3) * np.sqrt(depth[:, None] / depth[None, :])
    polar = dipole > 0
    deeper = np.where(polar[:, None] & ~polar[None, :], xi**2, np.where(~polar[:, None] & polar[None, :], xi.T**2, 1.0))
    return mean * deeper / ct.boltzmann
