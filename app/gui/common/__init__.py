"""What several pages share: looks, small widgets, the map, the texts and what can be chosen. Knows no page."""
