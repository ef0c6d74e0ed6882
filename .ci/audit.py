"""Judges what pip-audit found, as JSON on standard input: nothing known against our packages, or exit status 1.

Where no advisory service answers, that is said, and is no failure: not everybody who builds this can reach one.
"""

import json
import sys


def main() -> int:
    """The exit status; what it means is printed."""
    text = sys.stdin.read()
    packages = json.loads(text)["dependencies"] if text.strip() else []
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        print("pip-audit: NOT AUDITED, no advisory service answers for any package here")
        return 0
    known = [f"{each['name']} {each['version']}: {vuln['id']}" for each in audited for vuln in each["vulns"]]
    unheard = [f"{each['name']}: {each['skip_reason']}" for each in packages if "vulns" not in each]
    print(*known, *unheard, f"pip-audit: {len(audited)} packages audited, {len(known)} advisories", sep="\n")
    return 1 if known or unheard else 0


if __name__ == "__main__":
    sys.exit(main())
