#!/usr/bin/env bash
# Build the wheel, install it with pipx into an empty environment, and run it as a new user would.
# Needs python3 (3.11 to 3.13) with venv, and a package index. Leaves nothing behind.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-$(for p in python3.12 python3.11 python3.13 python3; do
  $p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && { command -v "$p"; break; }; done)}

"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet pipx
"$work/tools/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$work/dist" "$root"

export PIPX_HOME="$work/pipx" PIPX_BIN_DIR="$work/bin" XIYOU_HOME="$work/home"
"$work/tools/bin/pipx" install --quiet --python "$python" "$work"/dist/xiyou_tui-*.whl
cd "$work"
"$work/bin/xiyou" --version
"$work/bin/xiyou" where
"$work/bin/xiyou" demo
echo "安装检查通过。"
