"""The networks, by the name a recipe calls them."""

from collections.abc import Callable
from typing import Final

from training.nets.blocks import Classifier
from training.nets.resnet import resnet
from training.nets.ultralight import ultralight
from training.nets.vgg import vgg
from training.nets.xception import xception

NETS: Final[dict[str, Callable[..., Classifier]]] = {
    "ultralight": ultralight,
    "xception": xception,
    "resnet": resnet,
    "vgg": vgg,
}
