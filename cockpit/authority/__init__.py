"""Who drives: arbitration between policy, person and safe stop, and what it looks at. Pure functions, no I/O."""
