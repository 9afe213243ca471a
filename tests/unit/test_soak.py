"""A short run of `tools.torture.soak`, and what its record calls growth."""

import msgspec
import pytest

from tools.torture.soak import CARPHONE, Sample, proof, soak

FRAMES = 1000


@pytest.mark.usefixtures("landmarks", "broker")
def test_the_daemon_plays_a_clip_again_and_again_and_no_event_is_lost(tmp_path):
    if not CARPHONE.exists():
        pytest.skip(f"{CARPHONE} is missing; make venv fetches it")
    samples, came = soak(FRAMES, tmp_path / "soak.csv", [])
    last = samples[-1]
    # The clip has 764 frames, and each round of it ends with somebody gone.
    assert FRAMES == last.frames
    assert came == last.events > 2
    assert 1 == len({one.files for one in samples[1:-1]} or {0})
    assert len(samples) + 1 == len((tmp_path / "soak.csv").read_text().splitlines())


def run(growth=0.0, files=9):
    """A million frames, after which the process has grown by so much."""
    whole = [
        Sample(k * 10_000, 100.0 + (growth if k > 89 else 0), 9, 10, k * 20.0, k * 50.0, k)
        for k in range(101)
    ]
    whole[60] = msgspec.structs.replace(whole[60], files=files)
    return whole


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        (run(), "aim"),
        (run(growth=1.9), "aim"),
        (run(growth=2.1), "below the floor"),
        (run(files=10), "below the floor"),
        (run()[:-1], "below the floor"),
    ],
)
def test_a_process_that_grows_opens_files_or_ends_early_is_below_the_floor(samples, verdict):
    assert verdict == proof(samples, 100, "make soak", []).verdict


def test_growth_is_between_the_medians_after_50000_frames_and_at_the_end():
    assert "growth +1.5 MB" in proof(run(growth=1.5), 100, "make soak", []).reached
