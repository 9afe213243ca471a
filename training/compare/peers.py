"""Read other people's models from peers.toml."""

from pathlib import Path

import msgspec

from training.recipe import Struct

FILE = Path(__file__).with_name("peers.toml")


class Rebuilt(Struct, frozen=True, kw_only=True):
    """A public architecture that is rebuilt with random weights, for its cost."""

    name: str
    net: str
    """A name of timm's, or mini_xception."""
    sizes: list[int]
    """Sides of the input in px; a row for each."""
    channels: int = 3
    half: bool = False
    """Weights and arithmetic in fp16."""
    pooled: bool = False
    """VGG without its two 4096-wide layers."""
    source: str


class Measured(Struct, frozen=True, kw_only=True):
    """Public weights that were run once on FER-2013; accuracies in %."""

    name: str
    checkpoint: str
    runtime: str
    input: str
    parameters: int
    macs: int
    bytes: int
    ratio: float | None = None
    """Latency to mini_XCEPTION at 64 px, on the processor that peers.toml names."""
    private: float
    no_duplicates: float | None = None
    public: float | None = None
    macro_f1: float
    recall: list[int]
    """In % by label, in the order of FER2013_LABELS; -1 where the model lacks it."""
    comparable: bool = True
    """It answers for all seven labels."""
    source: str


class Published(Struct, frozen=True, kw_only=True):
    """An accuracy in the words of its authors, in %."""

    name: str
    parameters: int | None = None
    bytes: int | None = None
    accuracy: float
    protocol: str
    benchmark: str = "FER-2013"
    verified: bool
    """The number was read in the source named."""
    source: str


class Capability(Struct, frozen=True, kw_only=True):
    """A claim of others, and our response to it."""

    who: str
    claim: str
    known: str
    ours: str
    source: str


class Peers(Struct, frozen=True, kw_only=True):
    """All of peers.toml."""

    rebuilt: list[Rebuilt]
    measured: list[Measured]
    published: list[Published]
    capability: list[Capability]


def read_peers(path: Path = FILE) -> Peers:
    """Read and check the file."""
    return msgspec.toml.decode(path.read_bytes(), type=Peers)
