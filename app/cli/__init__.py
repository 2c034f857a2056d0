"""The `takeover` command: one module per group of subcommands, assembled in `main`. Commands read options, call the
packages below and print; the work itself is done there.
"""
