"""Training: rows, losses, the loop, calibration of the router."""
