"""The HTML report of a round: plots, films and tables. Measures nothing itself."""
