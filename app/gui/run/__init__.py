"""The drive that the window starts, monitors and ends, and its page: status, inputs, plots, markers.

The drive itself runs in `app.drive`; recordings are opened in `app.gui.after`.
"""
