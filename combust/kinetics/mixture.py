"""Bilger's mixture fraction: the coupling function of the elements that chemistry leaves alone.

R. W. Bilger, Proc. Combust. Inst. 22 (1989) 475, doi:10.1016/S0082-0784(89)80049-2
"""

VALENCE = {"C": 2.0, "H": 0.5, "O": -1.0}  # per atom; other elements do not count
