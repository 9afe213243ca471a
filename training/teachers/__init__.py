"""Teachers that have seen faces before: fine-tuned out of fold, kept as scores, never as weights.

`weights` fetches what others have published, `faceres` and `dlib_net` make networks of it,
`folds` says who learns from what, `wild` cuts the faces of photographs, `job` trains one fold,
`merge` turns the folds' scores into soft labels.
"""
