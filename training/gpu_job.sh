#!/bin/sh
# All folds of both teachers and their soft labels, one command on one GPU:
#   training/gpu_job.sh [SHARE]
# SHARE, by default 1, takes a part of the pictures, to try the whole way on a CPU in minutes.
# Needs torch, numpy, opencv, msgspec and dlib; FER-2013 in $EDGE_FER_DATA; in $EDGE_FER_RUNS what
# was made before: weights/ (training.teachers.weights), aligned.npz (training.aligned) and, for
# the faces of photographs, wild.npz (training.teachers.wild).
# What it leaves: scores in training/teachers/scores/ and soft labels in training/soft/; tried on
# a part, both in $EDGE_FER_RUNS/teachers/tried/.
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
