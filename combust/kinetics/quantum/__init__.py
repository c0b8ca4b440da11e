"""Electronic structure to rate constants and thermo: records of structures, partition functions, transition states."""
