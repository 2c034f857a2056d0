"""What several pages share: looks, small widgets, the map, texts, errors in words, and choices. Knows no page."""
