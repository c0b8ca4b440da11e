"""What is misread of a mechanism is noticed when it is loaded: every tensor that the rates are made of, falsified."""

from pathlib import Path

import cantera as ct
import mechanism_members
import numpy as np
import pytest
import torch

from combust.__main__ import main
from combust.errors import MechanismError
from combust.kinetics.mechanism import guard, rate_tables
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.transport_tables import transport_from_cantera
from combust.kinetics.rates import production as rates
from combust.kinetics.rates import thermo
from combust.kinetics.transport.properties import TransportData, transport_properties

HERE = Path(__file__).parent
MECHANISMS = ("special_rates", "pressure_rates", "falloff_rates", "linear_burke_rates", "mixed_thermo")
FELT = 1e-5  # change of a rate that matters; smaller ones, and padding, may stay unnoticed
MOST_ROWS = 8  # of a tensor that are tried


def tensors(data, path=()):
    """(path, tensor) of all that a tree of named tuples holds."""
    if isinstance(data, torch.Tensor):
        yield path, data
    elif hasattr(data, "_fields"):
        for name in data._fields:
            yield from tensors(getattr(data, name), (*path, name))
    elif isinstance(data, tuple):
        for i, part in enumerate(data):
            yield from tensors(part, (*path, i))


def replaced(data, path, new):
    if not path:
        return new
    name, *rest = path
    if isinstance(name, str):
        return data._replace(**{name: replaced(getattr(data, name), rest, new)})
    return (*data[:name], replaced(data[name], rest, new), *data[name + 1 :])


def falsified(x):
    """The tensor with one entry changed, for entries of all its parts."""
    flat = x.reshape(-1)
    for i in np.unique(np.linspace(0, flat.numel() - 1, min(MOST_ROWS, flat.numel())).astype(int)):
        new = flat.clone()
        new[i] = flat[(i + 1) % flat.numel()] if x.dtype == torch.int64 else flat[i] * 1.01 + 0.003
        if new[i] != flat[i]:
            yield new.reshape(x.shape)


def felt(kin, other, states):
    """Largest relative change of what is computed at the states."""
    forward, reverse = (torch.stack(rates.rates_of_progress(k, *states)) for k in (kin, other))
    size = torch.maximum(*forward.abs()) + 1e-30
    change = [((reverse - forward).abs() / size).max()]
    terms = torch.stack([rates.production_rates(k, *states) for k in (kin, other)])
    change.append(((terms[1] - terms[0]).abs() / (terms[0].abs() + size.amax(0))).max())
    for f in (thermo.h_RT, thermo.cp_R, thermo.s_R, thermo.h_mass, thermo.cp_mass, thermo.s_mass):
        a, b = (f(k.thermo, states[0]) for k in (kin, other))
        change.append(((b - a).abs() / a.abs().clamp(min=1.0)).max())
    return float(torch.stack(change).nan_to_num(nan=1.0, posinf=1.0).max())


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_misread_number_is_noticed(name):
    gas = Mechanism.load(HERE / f"{name}.yaml")
    solution, kin = gas.cantera(), gas.kinetics
    X = torch.tensor(guard.amounts(len(gas.species)))
    T = torch.tensor([1000.0, 1500.0, 2200.0], dtype=torch.float64)
    states = T, X[:, None] * torch.tensor([1e4, 1e5, 2e6]) / (thermo.GAS_CONSTANT * T)
    tried = 0
    for path, x in tensors(kin._replace(pattern=())):
        if path[-1] in ("shift", "multiplier", "order"):
            continue  # what cancels, what is empty, a permutation
        for new in falsified(x):
            wrong = replaced(kin, path, new)
            try:
                change = felt(kin, wrong, states)
            except (RuntimeError, IndexError):
                continue  # not even a shape that fits
            if change > FELT:
                tried += 1
                with pytest.raises(MechanismError, match="is not read as Cantera means it: the "):
                    guard.require_rates(wrong, solution, gas.species)
    assert tried > 100


@pytest.mark.parametrize("name", TransportData._fields)
def test_misread_transport_is_noticed(name):
    solution = ct.Solution("h2o2.yaml")
    data = transport_from_cantera(solution)
    X = torch.tensor(guard.amounts(10))
    state = torch.tensor([800.0], dtype=X.dtype), torch.tensor(1e5, dtype=X.dtype), (X / X.sum())[:, None]
    right = torch.cat([x.reshape(-1) for x in transport_properties(data, *state)])
    for new in falsified(getattr(data, name)):
        wrong = data._replace(**{name: new})
        other = torch.cat([x.reshape(-1) for x in transport_properties(wrong, *state)])
        if float((other / right - 1).abs().max()) > FELT:  # a species does not diffuse against itself
            with pytest.raises(MechanismError, match="not read as Cantera means it: the (visc|therm|diffusivity of )"):
                guard.require_transport(wrong, solution)


def test_a_misread_reaction_is_named_and_refused(monkeypatch, tmp_path, capsys):
    path = mechanism_members.write("Tsang with and without B, SRI, Troe and Lindemann, mixed", tmp_path)
    Mechanism.load(path)
    monkeypatch.setattr(rate_tables, "_tsang", lambda rate: (*rate.falloff_coeffs, 0.0)[:1] * 2)
    with pytest.raises(MechanismError, match=r"reaction \d, (2 OH|H \+ O2|H \+ OH) \(\+M\) <=> .*\(. such differ\)"):
        Mechanism.load(path)
    assert main(["ignite", str(path), "--fuel", "H2", "--out", str(tmp_path)]) == 2
    assert "please report it with the file" in capsys.readouterr().err


def test_what_has_no_number_is_not_compared():
    """Cantera's NaN, and rates beyond the range of float64; but what is lost here alone is noticed."""
    cantera = np.array([[np.nan, np.inf, 1e250, 1e-250, 1.0, 1.0, 0.0]])
    ours = np.array([[np.nan, np.inf, np.inf, 0.0, np.nan, 1.0 + 1e-9, 1e-10]])
    error = guard._departure(guard.Compared(str, ours, cantera, np.abs(cantera)))
    assert np.array_equal(error[0] > guard.TOLERANCE, [False, False, False, False, True, False, True])
