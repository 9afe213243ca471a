"""The figures that are CPU time: ratios of pipelines that take turns in one process."""

from __future__ import annotations

from research.results import crowd
from research.results.cost import alike, in_turn
from research.results.figures import Figure
from research.results.media import heads
from research.results.sides import naive, ours


def eight_faces() -> dict[str, Figure]:
    """A frame full of faces."""
    run = in_turn([naive(), ours()], alike(crowd.eight(), 2))
    followed = [len({v.track for v in report.verdicts if v.track}) for report in run.reports[1]]
    note = (
        f"Eight heads of {len(heads())} portraits, faces of {crowd.FACE_PX} px, each swaying by "
        f"{crowd.SWAY_PX:g} px, on 640x480 px, {crowd.SECONDS:.0f} s at {crowd.FPS} fps; mean CPU "
        f"of a frame. In the last frame ours follows {followed[-1]} faces, naive finds "
        f"{len(run.reports[0][-1].verdicts)}."
    )
    return {"eight-faces": Figure(run.mean_ratio(1), note)}


def empty_scene() -> dict[str, Figure]:
    """Nobody there, in terms of one face; both ours."""
    run = in_turn([ours(), ours()], zip(crowd.one(), crowd.empty(), strict=True))
    note = (
        f"Ours in an empty room of 640x480 px, to ours in the same room with one swaying head; "
        f"noise in both, {crowd.LONG_S:.0f} s at {crowd.FPS} fps, mean CPU of a frame."
    )
    return {"empty-scene": Figure(run.mean_ratio(1), note)}
