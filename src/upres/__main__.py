"""`python -m upres`, for when the command `upres` is not on the path."""

from upres.cli.main import main

if __name__ == "__main__":
    main()
