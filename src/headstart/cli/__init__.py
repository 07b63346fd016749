"""The command headstart: one file a subcommand."""
