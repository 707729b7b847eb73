"""No binary fraction enters the domain: money there is Decimal from end to end."""

import ast

from tests.architecture.repository import python_files, relative


def test_the_domain_holds_no_float_literal_and_makes_no_float() -> None:
    found = []
    for path in python_files("rebalancer"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Constant(value=float()):
                    found.append(f"{relative(path)}:{node.lineno} literal {node.value!r}")
                case ast.Call(func=ast.Name(id="float")):
                    found.append(f"{relative(path)}:{node.lineno} float(...)")
    assert not found
