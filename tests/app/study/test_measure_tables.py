"""The table of measures as a file: written whole or not at all; unknown file name extensions are refused."""

import csv

import pytest

from app.study.measure_tables import COLUMNS, write_table
from cockpit.config import ConfigError


class Unwritable:
    """A row whose cells no table has a column for."""

    def cells(self):
        return {"no such column": 1}


def test_a_table_that_cannot_be_written_leaves_the_older_one(tmp_path):
    path = tmp_path / "measures.csv"
    path.write_text("older")
    with pytest.raises(ValueError, match="no such column"):
        write_table([Unwritable()], path)
    assert path.read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["measures.csv"]


def test_a_table_without_rows_has_its_columns(tmp_path):
    write_table([], tmp_path / "new" / "measures.csv")
    assert next(csv.reader((tmp_path / "new" / "measures.csv").open())) == list(COLUMNS)


def test_another_ending_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ConfigError, match=r"\.csv or \.parquet"):
        write_table([], tmp_path / "new" / "measures.xlsx")
    assert not (tmp_path / "new").exists()
