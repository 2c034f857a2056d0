"""The `takeover` command: one file a group of subcommands, put together in `main`. What they do is not here; commands
read options, call the packages below and print.
"""
