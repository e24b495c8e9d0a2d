#!/bin/sh
# Trustee and imodels on the splits and teacher's answers of benchmarks.quality, in an environment of their own.
# Usage: sh benchmarks/peers_env.sh [python of skdistill's environment]   (default: .venv/bin/python)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-"$here/../.venv/bin/python"}
if [ ! -x "$here/env/bin/python" ]; then
    "$python" -m venv "$here/env"
    "$here/env/bin/python" -m pip install -qq trustee==1.2.0 imodels==3.0.4 six scikit-learn==1.9.1 numpy==2.4.6
fi
cd "$here/.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$python" -m benchmarks.peers_cells export
"$here/env/bin/python" "$here/peers.py" "$here/cache/peers"
"$python" -m benchmarks.peers_cells collect
