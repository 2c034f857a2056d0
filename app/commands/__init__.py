"""The `takeover` command's subcommands, one file a group; `app.cli` puts them together."""
