"""The application's main window and its pages, one folder per page; `common` holds what several pages use. Driving
itself is in `app.drive`.
"""
