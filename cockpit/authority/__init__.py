"""Who drives: arbitration between policy, person and safe stop, and its inputs. Pure functions, no I/O."""
