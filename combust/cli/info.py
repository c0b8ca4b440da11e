"""combust info: what is in a checkpoint, snapshot, index, planes, mechanism or failed cell; the last is run again."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.io.info import CheckpointInfo, FieldInfo, MechanismInfo, PlanesInfo, SnapshotInfo


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file")
    parser.add_argument("--phase", metavar="NAME", help="a phase of a mechanism; the one that combust reads if omitted")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints what is in the file."""
    from combust.io import info

    found = info.info(args.file, args.phase)
    if isinstance(found, info.CheckpointInfo):
        checkpoint(found)
    elif isinstance(found, info.SnapshotInfo):
        snapshot(found)
    elif isinstance(found, info.PlanesInfo):
        planes(found)
    elif isinstance(found, info.IndexInfo):
        for time, name in found.snapshots:
            print(f"{time:14.9g} s  {name}")
    elif isinstance(found, info.MechanismInfo):
        mechanism(found)
    else:
        print("\n".join(found.lines))
        print("run again:")
        for line in found.again():
            print(f"  {line}")
    return 0


def checkpoint(found: CheckpointInfo) -> None:
    print(f"checkpoint of step {found.step}, t = {found.time:.9g} s, by combust {found.by}; all checksums are right")
    for key, value in found.identity.items():
        print(f"  {key}: {value}")
    for array in found.arrays:
        print(f"  {array.name:<16} {array.place:<8} {array.shape}")
    print()
    print(found.case, end="")


def snapshot(found: SnapshotInfo) -> None:
    shape = " x ".join(map(str, found.cells))
    print(f"fields of step {found.step}, t = {found.time:.9g} s, {shape} cells (x, y, z)")
    for axis, (low, high) in zip("xyz", found.ends, strict=True):
        print(f"  {axis}: {low:.6g} to {high:.6g} m")
    ranges(found.fields)


def planes(found: PlanesInfo) -> None:
    shape = " x ".join(map(str, found.cells))
    first, last = found.times
    print(f"{found.records} plane(s) at {found.normal} = {found.at:.6g} m, {shape} cells (x, y, z), t = {first:.9g} to "
          f"{last:.9g} s; all checksums are right")  # fmt: skip
    ranges(found.fields)


def ranges(fields: Iterable[FieldInfo]) -> None:
    for field in fields:
        print(f"  {field.name:<16} {'vector' if field.vector else 'scalar'}  {field.low:.6g} to {field.high:.6g}")


def mechanism(found: MechanismInfo) -> None:
    if len(found.phases) > 1:
        print(f"phases: {', '.join(found.phases)}")
    reactions = sum(found.reactions.values())
    print(f"phase {found.phase}: {len(found.species)} species, {reactions} reactions, transport {found.transport}")
    print(f"  temperature {found.T_limits[0]:g} to {found.T_limits[1]:g} K")
    print(f"  elements {' '.join(found.elements)}")
    print(f"  species  {' '.join(found.species)}")
    for kind, count in found.reactions.items():
        print(f"  {count:5d} {kind}")
    if found.refused:
        print(f"combust does not run it: {found.refused}")
