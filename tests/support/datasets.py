"""Write labelled pictures in each supported folder layout."""

import csv

import cv2
import numpy as np

from edge_fer.evaluation.layouts import AFFECTNET, RAF_DB

BORDER = 32
"""Px around a face in the lists' pictures: whole JPEG blocks, so that none mixes both."""


def put(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def class_folders(root, splits):
    """``splits`` has (label, picture) pairs by the split's name."""
    for split, pairs in splits.items():
        place = {"public": "val", "private": "Test"}.get(split, split)
        for number, (label, picture) in enumerate(pairs):
            put(root / place / label / f"{number:05}.png", picture)


def raf_db(root, splits):
    lines = []
    for split, prefix in (("train", "train"), ("private", "test")):
        for number, (label, picture) in enumerate(splits[split]):
            put(root / f"basic/Image/aligned/{prefix}_{number:05}_aligned.jpg", picture)
            lines.append(f"{prefix}_{number:05}.jpg {RAF_DB.index(label) + 1}")
    (root / "basic/EmoLabel").mkdir()
    (root / "basic/EmoLabel/list_patition_label.txt").write_text("\n".join(lines) + "\n")


def affectnet(root, splits):
    for split, place in (("train", "train_set"), ("public", "val_set")):
        (root / place / "annotations").mkdir(parents=True)
        for number, (label, picture) in enumerate(splits[split]):
            put(root / place / f"images/{number:05}.jpg", picture)
            note = root / place / f"annotations/{number:05}_exp.npy"
            np.save(note, str(AFFECTNET.index(label)))


def affectnet_csv(root, splits):
    head = ["subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "expression"]
    for split, name in (("train", "training"), ("public", "validation")):
        with (root / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(head)
            for number, (label, picture) in enumerate(splits[split]):
                path = f"{split}/{number:05}.jpg"
                put(root / "Manually_Annotated_Images" / path, np.pad(picture, BORDER))
                height, width = picture.shape
                number = AFFECTNET.index(label)
                rows.writerow([path, BORDER, BORDER, width, height, number])
            rows.writerow([f"{split}/none.jpg", 0, 0, 1, 1, len(AFFECTNET)])
