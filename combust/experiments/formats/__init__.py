"""Readers of published experiments: ChemKED and ReSpecTh."""
