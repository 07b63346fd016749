"""`python -m headstart`: the command, for launchers such as torchrun."""

from headstart.cli.main import main

if __name__ == "__main__":
    main()
