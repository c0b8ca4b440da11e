"""`combust` with the arguments given; each rank then says its largest resident memory [MB]."""

import sys

from combust.__main__ import main
from combust.machine import peak_memory

if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.write(f"\npeak {peak_memory() / 1e6:.1f}\n")
    sys.exit(code)
