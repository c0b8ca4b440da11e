"""Files of settings: one struct per table, one documented line per key; kinds lie in `settings.py` of their package.

Triples in a case file are in the order x, y, z. Numbers are SI, texts have their own unit ("1 atm"); composition
strings are mole fractions ("H2:2, O2:1").
The text here is the reference: `combust schema --markdown` prints it, `combust schema` gives it to editors.
"""

from __future__ import annotations

FILES = ("case", "reduce", "sample", "train", "learn", "verify", "chain", "tst", "thermo", "falloff", "uncertainty")
"""Which verb takes it, a case those of flows; sample, train and verify take the same."""
