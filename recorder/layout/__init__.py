"""How a segment lies on disk (columns, pictures, arrays, the store), and what a takeover is. Reads no whole segment."""
