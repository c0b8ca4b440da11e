"""combust: a multiscale combustion framework, from rate constants to flames."""

__version__ = "0.2.0"
