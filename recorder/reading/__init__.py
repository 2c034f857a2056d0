"""Opening sessions and segments, and checking that they are whole. Changes nothing on disk."""
