"""`model.yaml`: what the runtime is told about a model folder. See ../README.md of the stage for each field.

Invariant: every file that is named lies in the folder and has its sha256 beside it.
"""

import hashlib
from pathlib import Path

import yaml

DTYPES = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Folder:
    """A model folder in the making: collects its components and writes the contract last."""

    def __init__(self, path: Path, dtype: str):
        self.path, self.dtype, self.components = path, dtype, {}
        path.mkdir(parents=True, exist_ok=True)

    def file(self, role: str, suffix: str = ".onnx") -> Path:
        return self.path / (role.replace("-", "_") + suffix)

    def add(self, role: str, path: Path, data: list[Path] = (), dtype: str | None = None) -> None:
        entry = {"file": path.name, "sha256": sha256(path)}
        if data:
            entry["data"] = [{"file": one.name, "sha256": sha256(one)} for one in data]
        if path.suffix == ".onnx":
            entry["dtype"] = dtype or DTYPES[self.dtype]
        self.components[role] = entry

    def write(self, contract: dict) -> None:
        whole = {"contract": 1, **contract, "components": self.components}
        text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
        (self.path / "model.yaml").write_text(text)


class Fallback(Folder):
    """What of a folder is in 16 bits, once more in 32, as `ROLE-f32` beside it: the runtime takes it where a value is not a number.

    The rest of an export goes to `scratch`, and the contract is written anew with both.
    """

    ROLES = ("text-encoder", "transformer", "transformer-low", "image-encoder")

    def __init__(self, folder: Folder, scratch: Path):
        super().__init__(folder.path, "fp32")
        self.folder, self.scratch = folder, scratch

    def file(self, role: str, suffix: str = ".onnx") -> Path:
        return super().file(f"{role}-f32", suffix) if role in self.ROLES else self.scratch / (role + suffix)

    def add(self, role: str, path: Path, data: list[Path] = (), dtype: str | None = None) -> None:
        if role in self.ROLES:
            super().add(f"{role}-f32", path, data, dtype)

    def write(self, contract: dict) -> None:
        self.components = self.folder.components | self.components
        super().write(contract)


# Settings of which the runtime has one value: what is other is written, so that it refuses the folder by that name.
ONLY = {
    "thresholding": False,
    "disable_corrector": [],
    "solver_p": None,
    "trained_betas": None,
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "final_sigmas_type": "zero",
    "use_dynamic_shifting": False,
    "time_shift_type": "exponential",
    "shift_terminal": None,
    "invert_sigmas": False,
    "stochastic_sampling": False,
}


def scheduler_config(scheduler, names: tuple[str, ...]) -> dict:
    """Those of the reference's own figures that change what it computes, under its own names."""
    config = scheduler.config
    figures = {name: config[name] for name in names if config.get(name) is not None}
    others = {name: config[name] for name, only in ONLY.items() if config.get(name) not in (None, only)}
    return figures | {name: value for name, value in others.items() if name not in figures}
