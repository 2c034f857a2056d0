"""What several pages share: theme, small widgets, the map, texts, errors in words, and choices. Imports no page."""
