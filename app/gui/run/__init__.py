"""The page of a running drive: status, inputs, plots, markers."""
