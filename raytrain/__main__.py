"""`python -m raytrain`: the same commands as `raytrain`."""

from raytrain.cli import main

if __name__ == "__main__":
    main()
