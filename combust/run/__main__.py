"""`python -m combust.run case.toml` is `combust run case.toml`."""

import sys

from combust.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
