"""Generate ``socketio/_sync`` from ``socketio/_async``.

The asyncio flavour is the source; this tool rewrites its tokens into the threaded flavour:

* ``async def``, ``async for``, ``async with`` and ``await`` lose the keyword;
* names are replaced by the table `NAMES`, in code, strings and comments alike;
* ``Awaitable[X]`` and ``Coroutine[A, B, X]`` become ``X``;
* a statement that only awaits what a name stands for (``await x``, ``x = await x``) goes, and so
  does an ``if`` that holds nothing else: in threads ``x`` is there already.

What else differs between the flavours is not in the source. It is a method of the runtime, or has
a module for each flavour with the same names in both.

Run ``python tools/unasync.py`` to write the files, ``--check`` to fail with a diff when they are
not what would be written. A rule of `NAMES` that matches nothing, a file in ``_sync`` without a
source, and asyncio left in the result are errors.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import keyword
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).resolve().parent.parent

NAMES: dict[str, str] = {
    # packages and modules
    "aiohttp_link": "requests_link",
    "async_until_terminated": "until_terminated",
    "asynchronous": "synchronous",
    "asyncio_tasks": "thread_tasks",
    "in_loop": "in_threads",
    # the library's classes
    "AsyncClient": "Client",
    "AsyncClientNamespace": "ClientNamespace",
    "AsyncClientSending": "ClientSending",
    "AsyncEngine": "Engine",
    "AsyncEngineClient": "EngineClient",
    "AsyncManager": "Manager",
    "AsyncNamespace": "Namespace",
    "AsyncPubSubManager": "PubSubManager",
    "AsyncServer": "Server",
    "AsyncSimpleClient": "SimpleClient",
    "AsyncioRuntime": "ThreadingRuntime",
    "InstrumentedAsyncServer": "InstrumentedServer",
    "LoopEngine": "ThreadEngine",
    # the language's own
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncIterator": "Iterator",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "asynccontextmanager": "contextmanager",
}
"""Whole words of the asyncio source and what they are in the threaded flavour."""

UNWRAPPED = ("Awaitable", "Coroutine")
"""Generic types whose last argument takes their place."""

BANNER = "# Generated from socketio/_async/{name} by tools/unasync.py, do not edit.\n"

LEAK = re.compile(r"async|await|asyncio|aiohttp|Async[A-Z]\w*")
"""Names that must not be left in the threaded flavour's code."""


class UnasyncError(Exception):
    """The source cannot be turned into the threaded flavour; the message says where and why."""


@dataclass(frozen=True)
class Edit:
    """Replace the characters ``start`` to ``end`` of a source by ``text``."""

    start: int
    end: int
    text: str


class Source:
    """A source text with its tokens, addressed by character offset."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self._line_starts = [0]
        for line in text.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))
        try:
            self.tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        except (tokenize.TokenError, SyntaxError) as error:
            raise UnasyncError(f"{name}: cannot be tokenized: {error}") from error

    def offset(self, position: tuple[int, int]) -> int:
        """Return the character offset of a tokenizer's (line, column)."""
        return self._line_starts[position[0] - 1] + position[1]

    def line_span(self, first: int, last: int) -> tuple[int, int]:
        """Return the offsets that the lines ``first`` to ``last`` (counted from 1) cover."""
        return self._line_starts[first - 1], self._line_starts[last]

    def fail(self, line: int, message: str) -> UnasyncError:
        """Return an error that names the file and the line."""
        return UnasyncError(f"{self.name}:{line}: {message}")


def leave_out_mere_waits(text: str, name: str) -> str:
    """Leave out the statements that do nothing but await what a name stands for."""
    source = Source(text, name)
    edits: list[Edit] = []
    waiting: list[ast.AST] = [parse(text, name)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and not node.orelse and all(map(is_mere_wait, node.body)):
            statement: ast.stmt = node
        elif is_mere_wait(node):
            statement = node
        else:
            waiting += ast.iter_child_nodes(node)
            continue
        last = statement.end_lineno
        assert last is not None  # what the parser returns has ends
        edits.append(Edit(*source.line_span(statement.lineno, last), ""))
    return apply(text, edits)


def is_mere_wait(node: ast.AST) -> TypeGuard[ast.stmt]:
    """Tell whether a statement is `await x` or `x = await x`."""
    match node:
        case ast.Expr(ast.Await(ast.Name())):
            return True
        case ast.Assign([ast.Name(target)], ast.Await(ast.Name(source))):
            return target == source
    return False


def parse(text: str, name: str) -> ast.Module:
    """Return the syntax tree of a source text."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UnasyncError(f"{name}:{error.lineno}: cannot be parsed: {error.msg}") from error


def apply(text: str, edits: list[Edit]) -> str:
    """Return ``text`` with all ``edits``, none of which may overlap another."""
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < position:
            raise UnasyncError(f"two replacements overlap at {text[edit.start : edit.end]!r}")
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    pieces.append(text[position:])
    return "".join(pieces)


class Words:
    """The replacement table, with a record of which rules were of use."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, names)) + r")\b")
        self.used: set[str] = set()

    @property
    def unused(self) -> list[str]:
        """Rules that have matched nothing so far."""
        return sorted(set(self._names) - self.used)

    def replace_name(self, name: str) -> str:
        """Return what the identifier ``name`` is in the threaded flavour."""
        if name in self._names:
            self.used.add(name)
            return self._names[name]
        return name

    def replace_text(self, text: str) -> str:
        """Return a string literal or comment with its code examples and names rewritten."""
        text = re.sub(r"\basync (?=def |with |for )", "", text)
        # Only in front of a call, so that prose may say "await the result".
        text = re.sub(r"\bawait (?=[\w.]+\()", "", text)
        return self._pattern.sub(lambda match: self.replace_name(match[0]), text)


def literals(source: Source) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens with every f-string as one STRING, as before Python 3.12."""
    start: int | None = getattr(tokenize, "FSTRING_START", None)
    end: int | None = getattr(tokenize, "FSTRING_END", None)
    depth = 0
    first: tokenize.TokenInfo | None = None
    for token in source.tokens:
        if start is not None and token.type == start:
            depth += 1
            first = first or token
        if not depth:
            yield token
        if end is not None and token.type == end:
            depth -= 1
            if not depth and first is not None:
                text = source.text[source.offset(first.start) : source.offset(token.end)]
                yield tokenize.TokenInfo(tokenize.STRING, text, first.start, token.end, first.line)
                first = None


def unwrap_edits(source: Source, tokens: list[tokenize.TokenInfo], index: int) -> list[Edit]:
    """Return the edits that put the last argument of the generic at ``index`` in its place."""
    depth = 0
    argument_start = index + 2
    for position in range(index + 1, len(tokens)):
        text = tokens[position].string
        if text in ("[", "("):
            depth += 1
        elif text in ("]", ")"):
            depth -= 1
            if depth == 0:
                return [
                    Edit(
                        source.offset(tokens[index].start),
                        source.offset(tokens[argument_start].start),
                        "",
                    ),
                    Edit(
                        source.offset(tokens[position].start),
                        source.offset(tokens[position].end),
                        "",
                    ),
                ]
        elif text == "," and depth == 1 and tokens[position + 1].string != "]":
            argument_start = position + 1
    raise source.fail(tokens[index].start[0], f"no end of {tokens[index].string}[...]")


def rewrite_tokens(text: str, name: str, words: Words) -> str:
    """Return ``text`` without ``async`` and ``await`` and with all names replaced."""
    source = Source(text, name)
    tokens = list(literals(source))
    edits: list[Edit] = []
    for index, token in enumerate(tokens):
        start, end = source.offset(token.start), source.offset(token.end)
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            replaced = words.replace_text(token.string)
        elif token.type != tokenize.NAME:
            continue
        elif token.string in ("async", "await"):
            edits.append(Edit(start, source.offset(tokens[index + 1].start), ""))
            continue
        elif token.string in UNWRAPPED and tokens[index + 1].string == "[":
            edits += unwrap_edits(source, tokens, index)
            continue
        else:
            replaced = words.replace_name(token.string)
        if replaced != token.string:
            edits.append(Edit(start, end, replaced))
    return apply(text, edits)


def check_result(text: str, name: str) -> None:
    """Raise `UnasyncError` if the result is no Python or still speaks asyncio."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        shown = (error.text or "").strip()
        raise UnasyncError(
            f"{name}: the threaded flavour is not valid Python: {error.msg} in {shown!r}; "
            "move what differs into a module for each flavour"
        ) from error
    for token in Source(text, name).tokens:
        if token.type == tokenize.NAME and LEAK.fullmatch(token.string):
            kind = "keyword" if keyword.iskeyword(token.string) else "name"
            raise UnasyncError(
                f"{name}: the {kind} {token.string!r} is left in the threaded flavour, in "
                f"{token.line.strip()!r}; add it to NAMES, or move the line into a module for "
                "each flavour"
            )


def ruff(text: str, target: Path, *arguments: str) -> str:
    """Return ``text`` after ruff has worked on it with the project's configuration."""
    command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(target), "-"]
    result = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if result.returncode:
        raise UnasyncError(f"{target.name}: {' '.join(command)} failed: {result.stderr.strip()}")
    return result.stdout


def convert(text: str, name: str, words: Words) -> str:
    """Return the threaded flavour of the asyncio source ``text``, without formatting.

    Args:
        text: the source of one module.
        name: its file name, for the banner and in errors.
        words: the replacement table; it records which rules were used.

    Raises:
        UnasyncError: the source is no Python, or the result is no threaded Python.
    """
    converted = rewrite_tokens(leave_out_mere_waits(text, name), name, words)
    check_result(converted, name)
    return BANNER.format(name=name) + converted


def tidy(text: str, target: Path) -> str:
    """Return ``text`` formatted, its imports sorted and those without use removed."""
    # PYI016 turns the `X | X` that was `X | Awaitable[X]` into `X`.
    text = ruff(text, target, "check", "--quiet", "--fix-only", "--select=F401,I,PYI016")
    return ruff(text, target, "format", "--quiet")


def generate(package: Path, names: Mapping[str, str]) -> tuple[dict[Path, str], list[str]]:
    """Return the files of ``package/_sync`` with their text, and the errors met."""
    words = Words(names)
    files: dict[Path, str] = {}
    errors: list[str] = []
    for path in sorted((package / "_async").glob("*.py")):
        target = package / "_sync" / path.name
        try:
            converted = convert(path.read_text(encoding="utf-8"), path.name, words)
            files[target] = tidy(converted, target)
        except UnasyncError as error:
            errors.append(str(error))
            files[target] = ""
    errors += [f"NAMES: the rule {rule!r} matches nothing, remove it" for rule in words.unused]
    errors += [
        f"{path.relative_to(package.parent)}: has no source in _async, remove it"
        for path in sorted((package / "_sync").glob("*.py"))
        if path not in files
    ]
    return {path: text for path, text in files.items() if text}, errors


def differences(files: Mapping[Path, str], base: Path) -> Iterator[str]:
    """Yield a diff for every file that is not on disk as it would be written."""
    for path, text in files.items():
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        if present != text:
            shown = str(path.relative_to(base))
            yield "".join(
                difflib.unified_diff(
                    present.splitlines(keepends=True),
                    text.splitlines(keepends=True),
                    f"{shown} (on disk)",
                    f"{shown} (generated)",
                )
            )


def run(package: Path, names: Mapping[str, str], *, check: bool) -> int:
    """Write or check ``package/_sync`` and return the exit status.

    Args:
        package: the directory that holds ``_async`` and ``_sync``.
        names: the replacement table.
        check: report differences instead of writing.

    Returns:
        0 if all is well, 1 if a file differs (with ``check``) or there was an error.
    """
    files, errors = generate(package, names)
    if check:
        for diff in differences(files, package.parent):
            sys.stdout.write(diff)
            errors.append("socketio/_sync is not up to date, run: python tools/unasync.py")
    else:
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                print(f"wrote {path.relative_to(package.parent)}")
    for error in dict.fromkeys(errors):
        print(f"unasync: {error}", file=sys.stderr)
    return 1 if errors else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="unasync", description="Generate socketio/_sync from socketio/_async."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail with a diff on any difference"
    )
    parser.add_argument(
        "--package", type=Path, default=ROOT / "socketio", help="the directory that holds _async"
    )
    options = parser.parse_args(arguments)
    return run(options.package.resolve(), NAMES, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
