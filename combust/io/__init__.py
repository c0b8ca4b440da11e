"""Files in and out: ParaView, checkpoints, series."""
