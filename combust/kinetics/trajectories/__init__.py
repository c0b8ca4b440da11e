"""Reactive molecular dynamics to rate constants: trajectories, bonds, molecules, events, rates with their errors."""
