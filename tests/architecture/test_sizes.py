"""Files and functions stay small enough to be read in one sitting."""

import ast

from tests.architecture.repository import PACKAGES, python_files, relative

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {
        relative(path): len(path.read_text().splitlines())
        for path in python_files(*PACKAGES, "tests")
    }
    assert not {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX}


def test_no_function_is_longer_than_60_lines() -> None:
    too_long = [
        f"{relative(path)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in python_files(*PACKAGES, "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not too_long


def test_every_package_file_is_empty() -> None:
    files = [path for path in python_files(*PACKAGES, "tests") if path.name == "__init__.py"]
    assert files
    assert not [relative(path) for path in files if path.read_text().strip()]


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in python_files(*PACKAGES, "tests")}
    missing = [relative(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    # Alembic loads its scripts by file name; that folder is data to us.
    assert not [name for name in missing if "migrations" not in name]
