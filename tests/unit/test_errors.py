"""What an error's text may be: one line, whatever it quotes."""

from edge_fer.errors import LONGEST_LINE, ConfigError, DataError, ModelError


def test_what_is_quoted_from_a_file_stays_on_the_line():
    assert r"a.csv: 'x\x1b[2J\u2028\udc80' is no number" == str(
        DataError("a.csv: 'x\x1b[2J\u2028\udc80' is\nno number")
    )


def test_only_a_configuration_has_a_line_for_each_mistake():
    assert "one\ntwo three" == str(ConfigError("one", "two\nthree"))
    assert "one two" == str(ModelError("one\ntwo"))


def test_a_line_that_is_too_long_keeps_its_beginning_and_its_advice():
    text = str(DataError(f"list.txt: {'x' * 9000}: must be a number"))
    assert len(text) <= LONGEST_LINE + 3
    assert text.startswith("list.txt: xx")
    assert text.endswith("xx: must be a number")
