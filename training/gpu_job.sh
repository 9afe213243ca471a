#!/bin/sh
# Train all folds of both teachers on one GPU and write their soft labels:
#   training/gpu_job.sh [SHARE]
# SHARE (default: 1) uses a part of the pictures, for a trial on a CPU within minutes.
# Needs torch, numpy, opencv, msgspec and dlib; FER-2013 in $EDGE_FER_DATA; and in $EDGE_FER_RUNS:
# weights/ (training.teachers.weights), aligned.npz (training.aligned) and, for the faces of
# photographs, wild.npz (training.teachers.wild). training.teachers.pack shrinks these inputs to
# 53 MB, to carry them to another machine.
# Writes scores to training/teachers/scores/ and soft labels to training/soft/; in a trial, both
# to $EDGE_FER_RUNS/teachers/tried/.
set -eu
cd "$(dirname "$0")/.."
share=${1:-1}
python=${PYTHON:-python3}
for name in faceres dlib; do
    "$python" -m training.teachers "$name" --share "$share" ${SETTINGS:+--set $SETTINGS}
done
if [ "$share" = 1 ]; then
    "$python" -m training.teachers.merge sixth faceres dlib
else
    tried=${EDGE_FER_RUNS:-runs}/teachers/tried
    "$python" -m training.teachers.merge tried faceres dlib --share "$share" \
        --scores "$tried" --out "$tried"
fi
