"""Vehicle dynamics: the table of all vehicles, what each one is, and the step that moves them. No lanes, no actors."""
