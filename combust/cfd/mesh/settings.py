"""Tables of a case file that say which grid a case has; each gives the faces of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from combust.errors import ConfigError
from combust.settings.base import Count, Positive, Settings, Vector, doc

if TYPE_CHECKING:
    import numpy as np

    Faces = tuple[np.ndarray, np.ndarray, np.ndarray]

Triple = tuple[int, int, int]
LEAST_WIDTH, LEAST_SHARE = 1e-12, 1e-10  # of a cell [m]: below a molecule; where coordinates lose their digits


class UniformMesh(Settings, frozen=True, tag_field="kind", tag="uniform"):
    """Equal cells in each direction; the number of entries is the number of dimensions."""

    axisymmetric: ClassVar[bool] = False  # y is the distance from the axis

    cells: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=3), doc("cells in x, y, z")]
    lower: Annotated[Vector, doc("low corner", "m")]
    upper: Annotated[Vector, doc("high corner", "m")]

    def __post_init__(self) -> None:
        if not len(self.cells) == len(self.lower) == len(self.upper):
            raise ValueError("cells, lower and upper need the same number of entries (1, 2 or 3)")
        for name, low, high in zip("xyz", self.lower, self.upper, strict=False):
            if not low < high:
                raise ValueError(f"lower = {low} must lie below upper = {high} in {name}")

    @property
    def dimensions(self) -> int:
        return len(self.cells)

    @property
    def shape(self) -> Triple:
        """Cells (nz, ny, nx)."""
        return in_order(self.cells)

    @property
    def span(self) -> tuple[float, float]:
        """Both ends in x [m]."""
        return self.lower[0], self.upper[0]

    def faces(self) -> Faces:
        """Face coordinates (z, y, x) [m]. Raises ConfigError for cells that are too thin."""
        from combust.cfd.mesh.grid import uniform_faces

        return checked([uniform_faces(*ends) for ends in zip(self.lower, self.upper, self.cells, strict=True)])


class Axis(Settings, frozen=True):
    """Faces along one direction: geometric growth between two ends, or the faces themselves."""

    lower: Annotated[float | None, doc("low end", "m")] = None
    upper: Annotated[float | None, doc("high end", "m")] = None
    cells: Annotated[Count | None, doc("number of cells")] = None
    ratio: Annotated[Positive, doc("width of a cell over that of its neighbour towards the low end")] = 1.0
    symmetric: Annotated[bool, doc("grow from both ends towards the middle")] = False
    faces: Annotated[tuple[float, ...] | None, doc("increasing coordinates, instead of the keys above", "m")] = None

    def __post_init__(self) -> None:
        ends = (self.lower, self.upper, self.cells)
        if self.faces is not None:
            if any(value is not None for value in ends) or self.ratio != 1.0 or self.symmetric:
                raise ValueError("give either faces or lower, upper, cells (ratio, symmetric), not both")
            if len(self.faces) < 2 or any(a >= b for a, b in zip(self.faces, self.faces[1:], strict=False)):
                raise ValueError("faces must be at least two increasing numbers")
        elif self.lower is None or self.upper is None or self.cells is None:
            raise ValueError("needs lower, upper and cells, or faces")
        elif not self.lower < self.upper:
            raise ValueError(f"lower = {self.lower} must lie below upper = {self.upper}")

    @property
    def count(self) -> int:
        """Cells."""
        return self.cells or len(self.faces or ()) - 1

    @property
    def span(self) -> tuple[float, float]:
        """Both ends [m]."""
        ends = self.faces or (self.lower or 0.0, self.upper or 0.0)
        return ends[0], ends[-1]

    def points(self) -> np.ndarray:
        """The coordinates of the faces [m]."""
        import numpy as np

        from combust.cfd.mesh.grid import stretched_faces

        if self.faces is not None:
            return np.array(self.faces)
        assert self.lower is not None and self.upper is not None and self.cells is not None
        return stretched_faces(self.lower, self.upper, self.cells, self.ratio, self.symmetric)


class StretchedMesh(Settings, frozen=True, tag_field="kind", tag="stretched"):
    """Cells whose widths differ along each direction."""

    axisymmetric: ClassVar[bool] = False  # y is the distance from the axis

    x: Annotated[Axis, doc("faces along x")]
    y: Annotated[Axis | None, doc("faces along y, for 2-D and 3-D")] = None
    z: Annotated[Axis | None, doc("faces along z, for 3-D")] = None

    def __post_init__(self) -> None:
        if self.z is not None and self.y is None:
            raise ValueError("z is given but y is not")

    @property
    def axes(self) -> list[Axis]:
        """The directions that there are, x first."""
        return [axis for axis in (self.x, self.y, self.z) if axis is not None]

    @property
    def dimensions(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> Triple:
        """Cells (nz, ny, nx)."""
        return in_order([axis.count for axis in self.axes])

    @property
    def span(self) -> tuple[float, float]:
        """Both ends in x [m]."""
        return self.x.span

    def faces(self) -> Faces:
        """Face coordinates (z, y, x) [m]. Raises ConfigError for cells that are too thin."""
        return checked([axis.points() for axis in self.axes])


class AxisymmetricMesh(Settings, frozen=True, tag_field="kind", tag="axisymmetric"):
    """Flow without swirl around the axis of x: y is the distance r from it; amounts are of the whole revolution."""

    axisymmetric: ClassVar[bool] = True

    x: Annotated[Axis, doc("faces along the axis")]
    y: Annotated[Axis, doc("faces along r, from the axis (lower = 0, y_low is symmetry) or from an inner radius")]

    def __post_init__(self) -> None:
        if self.y.span[0] < 0:
            raise ValueError(f"y begins at {self.y.span[0]:g}: the distance from the axis is not negative")

    @property
    def dimensions(self) -> int:
        return 2

    @property
    def shape(self) -> Triple:
        """Cells (nz, ny, nx)."""
        return in_order([self.x.count, self.y.count])

    @property
    def span(self) -> tuple[float, float]:
        """Both ends in x [m]."""
        return self.x.span

    def faces(self) -> Faces:
        """Face coordinates (z, y, x) [m]. Raises ConfigError for cells that are too thin."""
        return checked([self.x.points(), self.y.points()])


Mesh = UniformMesh | StretchedMesh | AxisymmetricMesh


def in_order(counts: Sequence[int]) -> Triple:
    """Cells (nz, ny, nx) of counts in x, y, z; one cell where there is no direction."""
    nx, ny, nz = (*counts, 1, 1)[:3]
    return nz, ny, nx


def checked(axes: Sequence[np.ndarray]) -> Faces:
    """Face coordinates (z, y, x) of those in x, y, z; 0 and 1 where there is no direction.

    Raises ConfigError for cells that are too thin to be told apart.
    """
    import numpy as np

    made = [*axes, *[np.array([0.0, 1.0])] * (3 - len(axes))]
    for name, faces in zip("xyz", made, strict=True):
        least, far = float(np.diff(faces).min()), float(np.abs(faces).max())
        if least < max(LEAST_WIDTH, LEAST_SHARE * far):
            raise ConfigError(
                f"mesh: cells of {least:.3g} m in {name}, {far:.3g} m from the origin; they must be at least "
                f"{LEAST_WIDTH:g} m wide and {LEAST_SHARE:g} of that distance"
            )
    return made[2], made[1], made[0]
