"""Fine-tune published face networks out of fold and keep their scores as soft labels.

`weights` downloads the published weights, `faceres` and `dlib_net` load them into torch, `folds`
assigns the training pictures to folds, `wild` cuts the faces of photographs, `job` trains one
fold, and `merge` turns the scores of all folds into soft labels. No weights are committed.
"""
