"""The application's main window and its pages, one folder a page; `common` has what several pages use. Driving itself
is in `app.drive`.
"""
