"""The commands in Markdown's fenced blocks."""

import re
import shlex
import typing


class Block(typing.NamedTuple):
    line: int
    language: str
    lines: list
    # The text between the block and the one before it.
    introduction: str


def parse_blocks(text):
    """Returns the fenced blocks of a page."""
    blocks, introduction, fence = [], [], None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is None:
            if match := re.fullmatch(r"( *)```(\S*).*", line):
                fence = match[1] + "```"
                block = Block(number, match[2], [], " ".join(introduction))
            else:
                introduction.append(line)
        elif line == fence:
            blocks.append(block)
            introduction, fence = [], None
        else:
            block.lines.append(line.removeprefix(fence[:-3]))
    return blocks


def commands_of(block):
    """Returns the text to type: all lines of `sh`, the lines after "$ " of `console`."""
    if block.language == "sh":
        return "\n".join(block.lines) + "\n"
    typed, continues = [], False
    for line in block.lines:
        if continues or line.startswith("$ "):
            typed.append(line.removeprefix("> " if continues else "$ "))
            continues = line.endswith("\\")
    return "\n".join(typed) + "\n"


def words_of(commands):
    """Returns the words and the operators of commands.

    Raises ValueError if a quotation is not closed.
    """
    lexer = shlex.shlex(commands.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    return list(lexer)


def programs_of(words):
    """Returns the words that the shell looks up as programs."""
    programs, outer = [], []
    # Whether the next word is a program, here and outside of the parentheses around.
    expected = True
    for word in words:
        if "<" in word or ">" in word:
            expected = False
        elif set(word) <= set("();|&\n"):
            for character in word:
                if character == "(":
                    outer.append(expected)
                expected = outer.pop() if character == ")" else True
        elif expected and not re.match(r"\w+=", word):
            programs.append(word)
            expected = False
    return programs


def variables_of(words):
    """Returns the names of the environment's variables that are set."""
    matches = [re.match(r"([A-Z][A-Z_]+)=", word) for word in words]
    return {match[1] for match in matches if match}
