"""Which releases of which libraries are probed, and beside what they run."""

from dataclasses import dataclass

# Before these, NumPy and protobuf dropped what old releases of TensorFlow use and do not say.
OLD = ("numpy<1.24", "protobuf<3.21")
OLDEST = ("numpy<1.19", "protobuf<3.21", "h5py<3")


@dataclass(frozen=True)
class Family:
    """Releases of one library that are probed in one environment.

    Attributes:
        name: as the table shows it.
        library: that the probe imports.
        package: of which each release is installed.
        releases: those to probe; None for all of Keras 3 that the index has.
        patches: whether all of those are probed, or the newest of each minor release.
        bases: what the environment needs besides; the first with which a release runs.
        environment: variables for the probe.
        beside: a package whose release has to be the same minor one.
        fresh: whether each release needs a new environment, as where TensorFlow changes.
        pythons: the version of Python, by the first minor release that runs on it; empty for this one.
        layers: classes in docs/probed_layers/ to probe, instead of the library's own.
        alone: whether its own requirements are left out, and the bases have what it takes.
    """

    name: str
    library: str
    package: str
    releases: tuple[str, ...] | None = None
    patches: bool = True
    bases: tuple[tuple[str, ...], ...] = ((),)
    environment: tuple[tuple[str, str], ...] = ()
    beside: str = ""
    fresh: bool = False
    pythons: tuple[tuple[tuple[int, int], str], ...] = ()
    layers: tuple[str, ...] = ()
    alone: bool = False

    @property
    def subjects(self) -> list[dict[str, str]]:
        """What the probe is asked for."""
        if self.layers:
            return [{"kind": "object", "name": f"docs.probed_layers.{layer}"} for layer in self.layers]
        return [{"kind": "library", "name": self.library, "cell": cell} for cell in ("gru", "lstm")]

    def list_beside(self, release: str) -> list[str]:
        """Return what is installed with a release."""
        minor = ".".join(release.split(".")[:2])
        return [f"{self.beside}=={minor}.*"] if self.beside else []

    def find_python(self, release: str) -> str | None:
        """Return the version of Python for a release; None for the one that runs this."""
        minor = tuple(int(number) for number in release.split(".")[:2])
        return next((version for first, version in reversed(self.pythons) if minor >= first), None)


ON_JAX = (("KERAS_BACKEND", "jax"), ("JAX_DISABLE_JIT", "1"))  # nothing is worth compiling
TORCH = "2.13.0"  # PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu has small builds of it

FASTAI = (  # of what it requires, what its layers import
    *("fastcore", "fastprogress", "fastdownload", "fasttransform", "plum-dispatch"),
    *("matplotlib", "packaging", "pandas", "pillow", "pyyaml", "requests", "scikit-learn", "scipy"),
)

FAMILIES = (
    Family("Keras on JAX", "keras", "keras", bases=(("jax", "packaging"),), environment=ON_JAX),
    Family(
        "Keras on PyTorch",
        "keras",
        "keras",
        bases=((f"torch=={TORCH}", "packaging"),),
        environment=(("KERAS_BACKEND", "torch"),),
    ),
    Family(
        "Keras on TensorFlow",
        "keras",
        "keras",
        patches=False,
        bases=(("tensorflow-cpu==2.16.2",), ("tensorflow-cpu==2.21.0",)),
        environment=(("KERAS_BACKEND", "tensorflow"),),
    ),
    Family(
        "tf.keras",
        "tensorflow",
        "tensorflow-cpu",
        ("2.12.1", "2.13.1", "2.14.1", "2.15.1", "2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0", "2.21.0"),
        fresh=True,
    ),
    Family(
        "tf.keras, older",
        "tensorflow",
        "tensorflow-cpu",
        ("2.1.4", "2.2.3", "2.3.4", "2.4.4", "2.5.3", "2.6.5", "2.7.4", "2.8.4", "2.9.3", "2.10.1", "2.11.1"),
        bases=(OLD,),
        fresh=True,
        pythons=(((2, 1), "3.7"), ((2, 5), "3.9")),
    ),
    Family(
        "tf-keras",
        "tf_keras",
        "tf-keras",
        ("2.14.1", "2.15.0", "2.15.1", "2.16.0", "2.17.0", "2.18.0", "2.19.0", "2.20.1", "2.21.0"),
        beside="tensorflow-cpu",
        fresh=True,
    ),
    Family(
        "Keras 2 on TensorFlow 1",
        "keras",
        "keras",
        ("2.0.8", "2.1.6", "2.2.5", "2.3.1"),
        bases=(("tensorflow==1.14.0", *OLDEST),),
        pythons=(((2, 0), "3.7"),),
    ),
    Family("PyTorch", "torch", "torch", (TORCH,), bases=(("numpy",),)),
    Family(
        "fastai",
        "torch",
        "fastai",
        ("2.8.12",),
        bases=((f"torch=={TORCH}", *FASTAI),),
        layers=("of_fastai:AWDLSTM",),
        alone=True,
    ),
    Family(
        "PyTorch-NLP",
        "torch",
        "pytorch-nlp",
        ("0.5.0",),
        bases=((f"torch=={TORCH}", "numpy", "tqdm"),),
        layers=("of_torchnlp:LockedGRU", "of_torchnlp:LockedLSTM"),
        alone=True,
    ),
    Family(
        "PyTorch Forecasting",
        "torch",
        "pytorch-forecasting",
        ("1.8.0",),
        bases=((f"torch=={TORCH}",),),
        layers=("of_forecasting:ForecastingGRU", "of_forecasting:ForecastingLSTM"),
    ),
    Family("haste", "torch", "haste-pytorch", ("0.4.0",), bases=((f"torch=={TORCH}", "numpy"),)),
    Family(
        "TensorFlow Addons",
        "tensorflow",
        "tensorflow-addons",
        ("0.23.0",),
        bases=(("tensorflow-cpu==2.15.1",),),
        layers=("of_addons:LayerNormLSTM",),
    ),
)
