"""Kinetics and stiff integration in C++ for CPUs: eight cells side by side, each at its own pace."""
