"""The reference of options and commands is what the code states."""

import pytest

from docs import generate_reference


@pytest.mark.parametrize("name", ["configuration", "commands"])
def test_a_reference_page_is_freshly_generated(name: str) -> None:
    page = (generate_reference.FOLDER / f"{name}.md").read_text()
    assert getattr(generate_reference, name)() == page, "run: make docs"


def test_every_option_has_a_row() -> None:
    text = generate_reference.configuration()
    for options in generate_reference.options_of(generate_reference.Settings).values():
        assert all(f"| `{name}` |" in text for name in options)
