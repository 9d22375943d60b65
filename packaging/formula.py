"""Write a Homebrew formula for a released source archive. Run: python packaging/formula.py URL ARCHIVE > xiyou.rb

The formula installs the package and its dependencies into a virtual environment of its own, as pipx does.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

TEMPLATE = """class Xiyou < Formula
  include Language::Python::Virtualenv

  desc "Terminal app that makes a small local model an expert on one book"
  url "{url}"
  sha256 "{digest}"
  license "MIT"

  depends_on arch: :arm64
  depends_on "python@3.12"

  def install
    python = Formula["python@3.12"].opt_bin/"python3.12"
    system python, "-m", "venv", libexec
    system libexec/"bin/pip", "install", buildpath
    bin.install_symlink libexec/"bin/xiyou"
  end

  test do
    ENV["XIYOU_HOME"] = testpath
    assert_match version.to_s, shell_output("#{{bin}}/xiyou --version")
    assert_match testpath.to_s, shell_output("#{{bin}}/xiyou where")
  end
end
"""


def formula(url: str, archive: bytes) -> str:
    """The formula for an archive that lies at `url`."""
    return TEMPLATE.format(url=url, digest=hashlib.sha256(archive).hexdigest())


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 1
    print(formula(sys.argv[1], Path(sys.argv[2]).read_bytes()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
