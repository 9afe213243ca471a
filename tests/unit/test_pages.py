"""The parts of the documentation that programs renew."""

import pytest

from docs.pages import fill, media_clips, table, write_test_result
from edge_fer.errors import DataError


def test_rows_become_a_table():
    assert "| a | b |\n| --- | --- |" == table([("a", "b"), ("---", "---")])


def test_a_part_is_renewed_and_the_rest_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("head\n<!-- x -->\nold\n<!-- /x -->\ntail\n")
    fill(page, "x", "new \\1")
    assert "head\n<!-- x -->\nnew \\1\n<!-- /x -->\ntail\n" == page.read_text()


def test_a_page_without_the_place_is_an_error_and_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("head\n")
    with pytest.raises(DataError, match="must have a place <!-- x -->"):
        fill(page, "x", "new")
    assert "head\n" == page.read_text()


def test_a_folder_without_clips_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGE_FER_MEDIA", str(tmp_path))
    with pytest.raises(DataError, match="must be a folder of clips; set EDGE_FER_MEDIA"):
        media_clips("mkv")
    (tmp_path / "a.mkv").touch()
    assert [tmp_path / "a.mkv"] == media_clips("mkv")


def test_a_test_result_is_a_line_the_command_and_a_table(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Prose.\n<!-- soak -->\nold\n<!-- /soak -->\n")
    write_test_result("soak", "no growth", "make soak", [{"frames": 9, "MB": 1.5}], page)
    assert (
        "Prose.\n<!-- soak -->\n**Result**: no growth (`make soak`).\n\n"
        "| frames | MB |\n| --- | --- |\n| 9 | 1.5 |\n<!-- /soak -->\n"
    ) == page.read_text()
