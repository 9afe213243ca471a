"""INT8 answers like fp32, in the form that runs fast, and its calibration can be repeated."""

import hashlib
import json

import numpy as np
import pytest
from toys import toy_pictures

from edge_fer.emotion.classify import Classifier
from edge_fer.evaluation.dataset import load
from tests.support.onnx_operators import (
    FLOAT_CONVOLUTIONS,
    U8_ACTIVATIONS_S8_WEIGHTS,
    optimized,
    quantized_types,
    written,
)
from training.export import export
from training.nets import NETS
from training.quantize import activation_ranges, pick_images, quantize
from training.recipe import Quantize


@pytest.fixture(scope="module")
def files(built):
    return built / "runs/toy/toy-p30-fp32.onnx", built / "models/toy-p30-int8.onnx"


@pytest.fixture(scope="module")
def record(built):
    return json.loads((built / "calibration/toy-p30-int8.json").read_text())


@pytest.fixture(scope="module")
def train_split(built):
    return load(built / "toy.npz", "train")


def test_int8_agrees_with_fp32_on_nearly_every_picture(files):
    # More noise than in training, so that pictures near the borders are among them.
    pictures = toy_pictures(each=60, seed=9, noise=80).images
    said = [Classifier(path).logits(pictures).argmax(1) for path in files]
    assert len(np.unique(said[0])) >= 5
    assert (said[0] == said[1]).mean() >= 0.95


def test_it_is_written_as_quantize_dequantize_pairs(files):
    operators = written(files[1])
    assert operators["QuantizeLinear"] > operators["Conv"]
    assert operators["DequantizeLinear"] > operators["QuantizeLinear"]


def test_activations_are_unsigned_and_weights_signed_per_channel(files):
    assert U8_ACTIVATIONS_S8_WEIGHTS == quantized_types(files[1])


def test_onnxruntime_runs_every_convolution_in_int8(files, tmp_path):
    operators = optimized(files[1], tmp_path)
    assert written(files[1])["Conv"] == operators["QLinearConv"]
    assert not FLOAT_CONVOLUTIONS & operators.keys()


def test_nothing_but_the_two_files_is_left_behind(built):
    assert {"toy-p30-int8.onnx", "toy-p30-int8.json"} == {
        p.name for p in (built / "models").iterdir()
    }
    assert ["toy-p30-int8.json"] == [p.name for p in (built / "calibration").iterdir()]


def test_the_record_says_which_pictures_were_seen(record, train_split):
    place = {number: index for index, number in enumerate(train_split.ids.tolist())}
    seen = [place[number] for number in record["ids"]]
    digest = hashlib.sha256(train_split.images[seen].tobytes()).hexdigest()
    assert digest == record["pixels_sha256"]
    assert ("train", 7, "toy-p30-int8") == (record["split"], record["seed"], record["model"])


def test_each_label_gives_equally_many_pictures(record, train_split):
    labels = train_split.labels[record["ids"]]
    assert {10} == set(np.bincount(labels).tolist())
    assert len(set(record["ids"])) == len(record["ids"])


def test_the_record_holds_the_range_of_every_activation(record, files):
    assert activation_ranges(files[1]) == record["ranges"]
    assert written(files[1])["QuantizeLinear"] == len(record["ranges"])
    assert all(low <= 0 < high for low, high in record["ranges"].values())


def test_the_input_loses_nothing(record):
    # 256 steps of 1/64: one for each value of a pixel.
    assert [-2.0, 1.98438] == record["ranges"]["chips"]


def test_the_same_recipe_gives_the_same_bytes(built, files, train_split, tmp_path):
    int8, record = tmp_path / files[1].name, tmp_path / "record.json"
    quantize(files[0], int8, train_split, Quantize(images=72, seed=7), record)
    assert files[1].read_bytes() == int8.read_bytes()
    assert (built / "calibration/toy-p30-int8.json").read_bytes() == record.read_bytes()


def test_the_seed_decides_the_pick(train_split):
    picks = [
        pick_images(train_split, Quantize(images=70, seed=seed)).tolist() for seed in (7, 7, 8)
    ]
    assert picks[0] == picks[1]
    assert picks[0] != picks[2]


def test_the_pick_of_a_seed_is_the_same_for_good(train_split):
    expected = [17, 37, 42, 60, 80, 107, 131, 143, 180, 185, 205, 234, 256, 278]
    assert expected == pick_images(train_split, Quantize(images=14)).tolist()


@pytest.mark.parametrize("sizes", [(48,), (48, 32, 64, 96)], ids=["one size", "several sizes"])
@pytest.mark.parametrize("kind", ["ultralight", "xception"])
def test_the_networks_we_ship_run_in_int8_throughout(kind, sizes, train_split, tmp_path):
    fp32, int8 = export(NETS[kind](), tmp_path / "fp32.onnx", sizes), tmp_path / "int8.onnx"
    quantize(fp32, int8, train_split, Quantize(images=7), tmp_path / "record.json")
    assert int8.stat().st_size < 0.4 * fp32.stat().st_size
    operators = optimized(int8, tmp_path)
    assert written(int8)["Conv"] == operators["QLinearConv"]
    assert not FLOAT_CONVOLUTIONS & operators.keys()
