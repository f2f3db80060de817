#!/usr/bin/env python3
"""Licenses and bans of all dependencies, by the rules of deny.toml.

cargo-deny does the same and more (`tests/supply`), but takes longer to build than all of our tests: this reads the part of
its rules that we use, and fails on a rule that it does not know.

>>> allowed = lambda text: permits(text, {"MIT", "ISC", "Apache-2.0"})
>>> [allowed(text) for text in ("MIT", "MIT OR GPL-3.0", "GPL-3.0 OR ISC", "MIT/Apache-2.0", "(MIT OR X) AND ISC")]
[True, True, True, True, True]
>>> [allowed(text) for text in ("GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0 WITH LLVM-exception", "(MIT OR ISC) AND X", "")]
[False, False, False, False, False]
>>> matches("0.2", "0.2.17"), matches("0.2", "0.21.0"), matches(None, "1.0.0")
(True, False, True)
"""

import collections
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def permits(expression, allow):
    """Whether one of the choices that an SPDX expression leaves asks for allowed licenses only."""
    tokens = re.findall(r"[()]|[^\s()/]+|/", expression.replace("/", " OR "))

    def either():
        found = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            found = both() or found
        return found

    def both():
        found = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found = one() and found
        return found

    def one():
        if not tokens:
            return False
        token = tokens.pop(0)
        if token == "(":
            found = either()
            if tokens:
                tokens.pop(0)
            return found
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token += " WITH " + (tokens.pop(0) if tokens else "")
        return token in allow

    return either() and not tokens


def matches(rule, version):
    """Whether a version begins with that of a rule."""
    return rule is None or f"{version}.".startswith(f"{rule}.")


def rules(list):
    return [tuple((rule["crate"].split("@") + [None])[:2]) for rule in list]


def main():
    deny = tomllib.loads((ROOT / "deny.toml").read_text())
    licenses, bans = deny["licenses"], deny["bans"]
    known = {"allow", "confidence-threshold"}, {
        "wildcards", "allow-wildcard-paths", "multiple-versions", "skip", "deny",
    }
    assert set(deny) == {"licenses", "bans"} and set(licenses) <= known[0] and set(bans) <= known[1], "unknown rules"
    assert bans["wildcards"] == bans["multiple-versions"] == "deny" and bans["allow-wildcard-paths"]

    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)["packages"]
    faults = []
    versions = collections.defaultdict(set)
    used = set()
    for package in packages:
        name, version = package["name"], package["version"]
        versions[name].add(version)
        if not permits(package["license"] or "", set(licenses["allow"])):
            faults.append(f"{name} {version}: its license is {package['license']!r}")
        for dependency in package["dependencies"]:
            if dependency["req"] == "*" and not dependency.get("path"):
                faults.append(f"{name} {version}: any version of {dependency['name']} will do")
        for banned, rule in rules(bans["deny"]):
            if banned == name and matches(rule, version):
                faults.append(f"{name} {version}: banned")
    for name, found in versions.items():
        skipped = {(skip, rule) for skip, rule in rules(bans["skip"]) if skip == name}
        used |= {rule for rule in skipped if len(found) > 1 and any(matches(rule[1], version) for version in found)}
        left = [version for version in found if not any(matches(rule, version) for _, rule in skipped)]
        if len(left) > 1:
            faults.append(f"{name}: {' and '.join(sorted(left))}")
    faults += [f"deny.toml: {name}@{rule} is skipped without need" for name, rule in set(rules(bans["skip"])) - used]
    print("\n".join(faults))
    print(f"{len(packages)} packages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    import doctest

    failed, _ = doctest.testmod()
    sys.exit(1 if failed else main())
