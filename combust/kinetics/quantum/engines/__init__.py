"""Programs of electronic structure, and what they leave: PySCF is run, logs of others are read."""
