"""Loading a strategy from a user's file, and the fingerprint of a strategy's code."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import linecache
import sys
from pathlib import Path

from workbench.errors import StrategyFault, UnknownName, WorkbenchError
from workbench.strategy.strategy import Strategy

_SOURCE = "__workbench_source__"
FILE_MODULES = "workbench_user_"
"""How the names of modules made from users' files begin."""


def is_file_reference(reference: str) -> bool:
    """Whether a STRATEGY names a file (`path/to/file.py:Class`) and not a registered strategy."""
    path, _, _ = reference.rpartition(":")
    return reference.endswith(".py") or path.endswith(".py") or "/" in reference


def load_strategy_file(reference: str) -> type[Strategy]:
    """The strategy class of `path/to/file.py:Class`; the class may be left out where the file holds one strategy.

    Raises StrategyFault (or UnknownName for the class) that names the file and what was wrong, whatever it raised.
    """
    path_text, _, class_name = reference.rpartition(":") if not reference.endswith(".py") else (reference, "", "")
    path = Path(path_text).expanduser()
    if path.suffix != ".py" or not path.is_file():
        raise StrategyFault("strategy", reference, "no such Python file", "write path/to/file.py:Class")
    source = path.read_bytes()
    module_name = f"{FILE_MODULES}{path.stem}_{hashlib.sha256(source + str(path.absolute()).encode()).hexdigest()[:12]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise StrategyFault("strategy", reference, "cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        folder = str(path.absolute().parent)
        before = set(sys.modules)
        sys.path.insert(0, folder)
        try:
            exec(compile(source, str(path), "exec"), module.__dict__)  # the very text that the fingerprint is of
            module.__dict__[_SOURCE] = _with_helpers(source, folder, before)
        except (Exception, SystemExit) as error:
            sys.modules.pop(module_name, None)
            if isinstance(error, WorkbenchError):
                raise StrategyFault("strategy", reference, f"cannot be loaded: {error}") from error
            raise StrategyFault("strategy", reference, f"raised {type(error).__name__} when loaded: {error}") from error
        finally:
            sys.path.remove(folder)
            for name in _helpers(folder, before):  # another folder may have a helper of the same name
                sys.modules.pop(name, None)
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module_name
    }
    if not class_name:
        if len(found) != 1:
            raise UnknownName("strategy class in " + str(path), "(none named)", found, f"write {path}:Class")
        class_name = next(iter(found))
    if class_name not in found:
        raise UnknownName("strategy class in " + str(path), class_name, found)
    if inspect.isabstract(found[class_name]):
        raise StrategyFault("strategy", reference, "has no signals method", "define signals(self, bars)")
    return found[class_name]


def _helpers(folder: str, before: set[str]) -> list[str]:
    """Modules that came with a strategy's file from its own folder."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in before and file and Path(file).parent == Path(folder) and not name.startswith(FILE_MODULES):
            found.append(name)
    return sorted(found)


def _with_helpers(source: bytes, folder: str, before: set[str]) -> str:
    """A file's text followed by that of the helpers it imported from its folder."""
    parts = [source.decode("utf-8", errors="replace")]
    for name in _helpers(folder, before):
        file = Path(str(sys.modules[name].__file__))
        if file.suffix == ".py":
            parts.append(f"\n# ---- {file.name}\n{file.read_text(encoding='utf-8', errors='replace')}")
    return "".join(parts)


def source_of(strategy: type[Strategy]) -> str:
    """The source text of a strategy: of its file and helpers, or of the class where it was typed in a notebook."""
    module = sys.modules.get(strategy.__module__)
    loaded = getattr(module, _SOURCE, None)
    if isinstance(loaded, str):
        return loaded
    file = getattr(module, "__file__", None)
    if file is not None and Path(file).is_file():
        return Path(file).read_text(encoding="utf-8")
    return _typed_source(strategy) or _bytecode(strategy)


def _typed_source(strategy: type[Strategy]) -> str:
    """The text of a class typed in a notebook's cell; empty where nobody kept it."""
    filename = strategy.signals.__code__.co_filename
    text = "".join(linecache.getlines(filename))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ""
    first = strategy.signals.__code__.co_firstlineno
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == strategy.__name__:
            found = ast.get_source_segment(text, node) or ""
            if node.lineno <= first <= (node.end_lineno or 0):
                return found
    return ""


def _bytecode(strategy: type[Strategy]) -> str:
    """What stands for the text of a class that was typed where no text is kept, as at a bare prompt."""
    digest = hashlib.sha256()
    for name, value in sorted(vars(strategy).items()):
        code = getattr(getattr(value, "fget", value), "__code__", None)
        if code is not None:
            digest.update(name.encode() + code.co_code + repr(code.co_consts).encode())
    return (
        f"# {strategy.__qualname__} was typed where no source is kept; SHA-256 of its bytecode: {digest.hexdigest()}\n"
    )


def code_fingerprint(strategy: type[Strategy]) -> str:
    """SHA-256 over the source of a strategy and of every base class between it and Strategy."""
    digest = hashlib.sha256()
    for base in strategy.__mro__:
        if base is Strategy:
            break
        digest.update(f"{base.__qualname__}\0{source_of(base)}\0".encode())
    return digest.hexdigest()
