"""What `combust check` says of a case: memory, first step, resolution, and with a trial the speed of a run."""
