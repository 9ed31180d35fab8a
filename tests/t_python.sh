#!/bin/sh
# tools/clb.py against NumPy and PyTorch, where they are; nothing to do where they are not.
#   sh tests/t_python.sh        environment: BUILD, CC, PYTHON (the one to try first)
BUILD=${BUILD:-build}
for python in ${PYTHON:-} python3 /usr/bin/python3; do
    "$python" -c "import numpy" 2>/dev/null || continue
    CLB_CACHE=${CLB_CACHE:-$BUILD/python} "$python" -B tests/t_python.py "$@"
    exit
done
echo "no NumPy found: skipped"
