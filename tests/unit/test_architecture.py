"""What ARCHITECTURE.md promises about the code, held here."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "edge_fer"
FILES = sorted(PACKAGE.rglob("*.py"))
TRAINING = sorted((ROOT / "training").rglob("*.py"))

HOMES = {
    "cv2": {
        "opencv.py",
        "testing.py",
        "vision/pixels.py",
        "vision/yunet.py",
        "cameras/file.py",
        "cameras/gstreamer.py",
        "cameras/rtsp.py",
        "cameras/v4l2.py",
        "demo/annotate.py",
    },
    "dlib": {"vision/dlib_hog.py", "vision/landmarks.py"},
    "onnxruntime": {"emotion/session.py"},
    "paho": {"mqtt/client.py"},
    "picamera2": {"cameras/pi.py"},
    "systemd": {"daemon/systemd.py"},
    "matplotlib": {"demo/plot.py"},
    "torch": set(),
    "onnx": set(),
}
"""Library to the only files that may import it."""

TENSORS = ("data.py", "quantize.py")
"""Where training turns pictures into numbers."""

STAGES = {"config", "cameras", "vision", "emotion", "mqtt"}

ROOMS = {
    "config": set(),
    "cameras": {"config"},
    "vision": {"config"},
    "emotion": {"config"},
    "mqtt": {"config"},
    "daemon": STAGES,
    "setup": {*STAGES, "daemon", "bench"},
    "bench": {*STAGES, "daemon"},
    "evaluation": {*STAGES, "daemon"},
    "demo": {*STAGES, "daemon", "bench"},
    "cli": {*STAGES, "daemon", "setup", "bench", "evaluation", "demo"},
}
"""Room to the rooms it may know."""

LIBRARY = {
    "types": set(),
    "errors": set(),
    "opencv": set(),
    "sysfs": set(),
    "pipeline": {"config", "vision", "emotion"},
    "build": {"config", "vision", "emotion"},
    "recognizer": {"config", "cameras", "vision", "emotion"},
    "testing": {"cameras"},
    "client": {"config", "mqtt"},
}
"""File beside the rooms to the rooms it may know."""

TREES = ("edge_fer", "training", "research", "packaging", "tests")
"""Where imports must not form a circle."""


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_known_to_one_file(library):
    found = {
        str(file.relative_to(PACKAGE))
        for file in FILES
        if any(name.split(".")[0] == library for name in imports(file))
    }
    assert HOMES[library] >= found


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_know_only_the_rooms_ahead_of_them(room):
    known = {
        name.split(".")[1]
        for file in (PACKAGE / room).rglob("*.py")
        for name in imports(file)
        if name.startswith("edge_fer.") and (PACKAGE / name.split(".")[1]).is_dir()
    }
    assert ROOMS[room] | {room} >= known


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_knows_no_room_behind_the_pipeline(name):
    known = {
        part[1]
        for part in (imported.split(".") for imported in imports(PACKAGE / f"{name}.py"))
        if part[0] == "edge_fer" and len(part) > 1 and (PACKAGE / part[1]).is_dir()
    }
    assert LIBRARY[name] >= known


def modules():
    """Dotted path to file of every module of `TREES`."""
    for file in (file for tree in TREES for file in (ROOT / tree).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def imported_modules(name, file, known):
    """The modules of ``known`` that a file imports.

    Some trees are on the path themselves, and so is the folder of a test.
    """
    places = ("", "tests.", "packaging.", f"{name.rpartition('.')[0]}.")
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [[alias.name] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [[f"{node.module}.{alias.name}", node.module] for alias in node.names]
        for candidates in names:
            found = (place + name for name in candidates for place in places)
            yield next((name for name in found if name in known), None)


def circle_in(graph):
    """The first circle of a graph as the names on it; None without one."""
    finished, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return None
        path.append(name)
        found = next(filter(None, map(visit, sorted(graph[name]))), None)
        path.pop()
        finished.add(name)
        return found

    return next(filter(None, map(visit, sorted(graph))), None)


def test_a_circle_is_found():
    assert ["b", "c", "b"] == circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()})
    assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def test_no_imports_form_a_circle():
    """Not even those inside functions, nor those that only a type checker makes."""
    known = dict(modules())
    graph = {
        name: set(imported_modules(name, file, known)) - {name, None}
        for name, file in known.items()
    }
    assert "edge_fer.pipeline" in graph["edge_fer.build"]
    assert "tests.conftest" not in graph["edge_fer.build"]
    assert "tests.unit.test_camera_contract" in graph["tests.unit.test_add_camera"]
    assert "edge_fer.testing" in graph["tests.unit.test_pipeline"]
    assert circle_in(graph) is None


def test_the_core_has_no_thread_and_no_clock():
    names = ("messages.py", "schema.py", "data_inventory.py", "aggregate.py")
    core = [PACKAGE / "types.py", PACKAGE / "config/settings.py"]
    core += [PACKAGE / "mqtt" / name for name in names]
    core += [*(PACKAGE / "vision").glob("*.py"), *(PACKAGE / "emotion").glob("*.py")]
    clocks = {"threading", "time", "asyncio", "queue", "multiprocessing"}
    assert {str(file): set() for file in core} == {
        str(file): clocks.intersection(imports(file)) for file in core
    }
    pipeline = (PACKAGE / "pipeline.py").read_text()
    stopwatch = ("perf_counter()", "process_time()")
    assert pipeline.count(" time.") == sum(pipeline.count(f" time.{name}") for name in stopwatch)


def test_there_is_one_pipeline_and_one_way_from_pixels_to_numbers():
    users = ("bench/playback.py", "cli/explain.py", "daemon/service.py")
    assert all("pipeline.process(frame)" in (PACKAGE / name).read_text() for name in users)
    scaling = [PACKAGE / "emotion/classify.py", *(ROOT / "training" / name for name in TENSORS)]
    assert all("to_tensor(" in file.read_text() for file in scaling)
    own = [file for file in FILES + TRAINING if "spec.mean" in file.read_text()]
    assert [PACKAGE / "emotion/session.py"] == own


def test_the_package_never_knows_training():
    assert [] == [file for file in FILES for name in imports(file) if name.startswith("training")]


@pytest.mark.parametrize("file", FILES + TRAINING, ids=lambda file: str(file.relative_to(ROOT)))
def test_functions_stay_short(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 45, node.name


def test_only_the_command_line_prints():
    printing = [
        file
        for file in FILES
        if "cli" not in file.parts
        and any(
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            for node in ast.walk(ast.parse(file.read_text()))
        )
    ]
    assert [] == printing


def test_nothing_but_annotate_can_encode_a_picture():
    words = ("imwrite", "imencode", "VideoWriter", "imshow", "np.save", "tobytes")
    able = {file.name for file in FILES for word in words if word in file.read_text()}
    assert {"annotate.py"} == able
    users = [file.name for file in FILES if "edge_fer.demo.annotate" in set(imports(file))]
    assert ["annotate.py"] == users


def run_python(code, home):
    environ = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**environ, "HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=home,
    ).stdout


def test_heavy_and_hardware_libraries_stay_off_the_plain_path(tmp_path):
    code = (
        "import sys, edge_fer.daemon.build, edge_fer.cli.run, edge_fer.setup.checks;"
        "print([m for m in ('torch','picamera2','libcamera','systemd','matplotlib','onnx','rich')"
        " if m in sys.modules])"
    )
    assert "[]\n" == run_python(code, tmp_path)


def test_help_does_not_load_the_runtime(tmp_path):
    code = (
        "import sys, edge_fer.cli as c; c.build_parser();"
        "print([m for m in ('cv2','dlib','onnxruntime','paho','numpy') if m in sys.modules])"
    )
    assert "[]\n" == run_python(code, tmp_path)


def test_onnxruntime_keeps_its_telemetry_to_itself(tmp_path):
    """With the variable set ahead of the import it leaves no device id and no event store."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r});"
        "import pathlib, numpy as np;"
        "from tests.support.tiny_model import write_tiny_model;"
        "from edge_fer.emotion.classify import Classifier;"
        "folder = pathlib.Path('model'); folder.mkdir();"
        "Classifier(write_tiny_model(folder)).classify([np.zeros((48, 48), np.uint8)]);"
        "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    assert "1\n" == run_python(code, tmp_path)
    left = [path for path in tmp_path.rglob("*") if "model" not in path.parts]
    assert [] == [path for path in left if path.is_file()]


def test_every_document_of_the_index_exists():
    for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"):
        assert (ROOT / name).is_file(), name
