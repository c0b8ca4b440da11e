"""Errors that speak: where, what, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from combust.terminal import printable


class CombustError(Exception):
    """Base of all errors that combust raises on purpose; `exit_code` is what the command line ends with.

    known_to : the communicator all of whose ranks raise it, None where one alone may have
    """

    exit_code = 2
    known_to: object | None = None

    def __str__(self) -> str:
        """The message; what a terminal would obey in it is written as escapes."""
        return printable(super().__str__())


class ConfigError(CombustError):
    """A case file, option or command line that cannot be used."""


class MechanismError(CombustError):
    """A mechanism that cannot be read, or a feature of it that is not covered."""


class StateError(CombustError):
    """A thermochemical state that is not physical (NaN, temperature out of range); names cell and value."""


class DivergenceError(CombustError):
    """The solution was lost (NaN, negative density, equation-of-state drift, no convergence)."""

    exit_code = 3


class InertError(DivergenceError):
    """Gases that no reaction heats, where a flame was asked for: none can be found, and what was given is at fault."""

    exit_code = 2


class FileFormatError(CombustError):
    """A file that is damaged, of another kind, or belongs to another mechanism or mesh."""


class DependencyError(CombustError):
    """A library that is missing; the message says how to get it."""


class OutputError(CombustError, OSError):
    """A file that could not be written (disk full, no permission); names the file. Earlier files are intact."""

    exit_code = 1


class MemoryLackError(CombustError, MemoryError):
    """Memory that the system does not grant; says for what, and how to do with less."""

    exit_code = 1


def first_line(error: Exception) -> str:
    """What an error says, without the frame that Cantera draws around it and the lines below."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line and not line.startswith(("*", "CanteraError thrown"))), str(error))


@contextmanager
def at(place: object) -> Iterator[None]:
    """Errors of input from within begin with `place`: a file, a key of it, an option."""
    try:
        yield
    except (ConfigError, MechanismError, StateError, FileFormatError, InertError) as error:
        raise type(error)(f"{place}: {error}") from error
