"""Vehicle dynamics: the table of all vehicles, tyres, drivetrain and the step that moves them. Knows no lane."""
