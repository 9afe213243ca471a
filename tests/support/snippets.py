"""Find and parse the commands and code blocks of the documentation."""

import contextlib
import dataclasses
import importlib.util
import io
import re
import shlex
from pathlib import Path

from docsite.__main__ import ROOT
from markdown_it import MarkdownIt

from edge_fer.cli import COMMANDS, build_parser

MARK = re.compile(r"<!-- (run by|not run here): (.+?) -->\s*$")
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {n for names in re.findall(r"^([a-z0-9 -]+):", MAKEFILE, re.M) for n in names.split()}
ROOTS = ("sudo", "env")


@dataclasses.dataclass(frozen=True)
class Block:
    """A code block of a page; without a language it is text."""

    page: Path
    line: int
    kind: str
    text: str
    how: str
    """The first words of the mark; empty without one."""
    by: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[list[str]]:
        """Return the words of each command, without comments and sudo."""
        words = re.sub(r"\\\n", " ", self.text)
        found = []
        for line in words.splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;()<>")
            lexer.whitespace_split = True
            part: list[str] = []
            for word in [*lexer, ";"]:
                if set(word) <= set("&|;()"):
                    found.append(part)
                    part = []
                elif part or not (word in ROOTS or re.match(r"[A-Z_]+=", word)):
                    part.append(word)
        return [part for part in found if part]


def read(page: Path) -> tuple[list[Block], list[tuple[int, str]]]:
    """Return the code blocks of a page, and the code spans with their lines."""
    tokens = MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text())
    blocks, spans, line = [], [], 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        line = token.map[0] + 1 if token.map else line
        if token.type in ("fence", "code_block"):
            comment = before.content if before and before.type == "html_block" else ""
            mark = MARK.search(comment)
            how, by = mark.groups() if mark else ("", "")
            blocks.append(Block(page, line, token.info.strip() or "text", token.content, how, by))
        spans += [(line, c.content) for c in token.children or () if c.type == "code_inline"]
    return blocks, spans


def unfit(words: list[str]) -> str | None:
    """Return what is wrong with a command of this project, "" if nothing; None for others."""
    program, rest = Path(words[0]).name, words[1:]
    if program == "edge-fer":
        return _unfit_options(rest)
    if program == "make":
        names = [word.partition("=")[0] for word in rest if not word.startswith("-")]
        wrong = [n for n in names if n not in TARGETS and f"$({n})" not in MAKEFILE]
        return f"no such target or variable: {wrong}" if wrong else ""
    if program in ("mosquitto_pub", "mosquitto_rr", "mosquitto_sub"):
        # The tests run these.
        return ""
    if program in ("python", "python3") and rest[0] == "-m" and "." in rest[1]:
        return "" if importlib.util.find_spec(rest[1]) else "no such module"
    if program in ("python", "python3") and rest[0].endswith(".py"):
        return "" if (ROOT / rest[0]).is_file() else "no such file"
    return None


def _unfit_options(words: list[str]) -> str:
    output = io.StringIO()
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
        try:
            build_parser().parse_args(words)
        except SystemExit as error:
            return output.getvalue() if error.code else ""
    return ""


def unfit_in_line(text: str) -> str | None:
    """Return the same for a command within a line, which may be abbreviated."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if words[:1] != ["edge-fer"] or len(words) < 2 or not words[1].isalpha():
        return unfit(words) if words[:1] == ["make"] or words[:2] == ["python", "-m"] else None
    if words[1] not in COMMANDS:
        return "no such command"
    known = _options(words[1])
    return ", ".join(word for word in words[2:] if word.startswith("-") and word not in known)


def _options(command: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        build_parser().parse_args([command, "--help"])
    return output.getvalue()
