"""The drive that the window starts, watches and ends, and its page: status, inputs, plots, markers."""
