"""Makes ``python -m exprlab`` the same as ``exprlab``."""

from exprlab.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
