"""Longer studies against Cantera, exact solutions and published figures; each writes a page of docs/validation.

A study is a module with TITLE, `run(report)` and SMOKE: names of its globals and the values of them with which it runs
in seconds (`python -m validation --smoke NAME`, and tests/validation/test_smoke.py, which asks it of all).
"""
