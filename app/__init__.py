"""The PyQt6 application and the `takeover` command; wires the other packages together."""
