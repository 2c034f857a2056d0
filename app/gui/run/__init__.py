"""The drive that the window starts, monitors and ends, and its page: status, inputs, plots, markers."""
