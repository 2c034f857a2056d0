"""How a segment lies on disk: columns, pictures, arrays and the store. Neither reads nor writes a whole segment."""
