"""Published experiments: readers of ChemKED and ReSpecTh files, and the comparison of a mechanism with them."""
