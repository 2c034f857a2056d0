"""The application's main window: `setup_panel` asks what to drive, `map_view` and `status_panel` show the drive,
`recordings_page` opens what was recorded; `theme` and `parts` hold their common looks.
"""
