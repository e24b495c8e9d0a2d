#!/bin/sh
# The rivals of skdistill.information in an environment of their own, and benchmarks.information with them.
# Usage: sh benchmarks/information_env.sh [python of skdistill's environment]   (default: .venv/bin/python)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-"$here/../.venv/bin/python"}
env="$here/../.venv-information"
if [ ! -f "$env/.stamp" ]; then
    "$python" -m venv "$env"
    "$env/bin/python" -m pip install -qq -r "$here/constraints-information.txt"
    touch "$env/.stamp"
fi
cd "$here/.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$python" -m benchmarks.information
