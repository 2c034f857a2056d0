"""What drives background vehicles: car following, junctions, lane changes, deadlocks, settings. It moves no car."""
