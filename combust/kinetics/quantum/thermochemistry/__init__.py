"""Records of structures to thermochemistry: low modes and rotors, enthalpies of formation, NASA polynomials."""
