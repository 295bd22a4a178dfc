"""Runs a reference pipeline and keeps what it was given and what it made: golden.safetensors and cases.json.

Invariant: every tensor that a case names is in the file, f32, u8 for pictures, and the reference is deterministic given
them: no seed is needed to make the same frames.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

TOLERANCE = {"text": 2e-5, "latents": 2e-4, "frames": 2e-5}


class Golden:
    def __init__(self, **limits):
        self.tensors, self.cases, self.tolerance = {}, [], TOLERANCE | limits

    def keep(self, case: str, name: str, value) -> str:
        value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        value = value if value.dtype == np.uint8 else value.astype(np.float32)
        assert np.isfinite(value.astype(np.float64)).all(), f"{case}.{name} is not finite"
        self.tensors[f"{case}.{name}"] = np.ascontiguousarray(value)
        return f"{case}.{name}"

    def run(self, case: str, mode: str, pipe, noise: np.ndarray, *, prompt, negative, size, frames, facts, tensors, **call):  # fmt: skip
        """One call of the pipeline from noise. `facts` go into the case as they are, `tensors` with it; `call` to the pipeline."""
        call |= {"num_frames": frames, "latents": torch.from_numpy(noise.copy())}
        self.record(case, mode, pipe, noise, prompt=prompt, negative=negative, size=size, frames=frames, facts=facts,
                    tensors=tensors, **call)  # fmt: skip

    def record(self, case: str, mode: str, pipe, noise: np.ndarray, *, prompt, negative, size, frames, facts, tensors, **call):  # fmt: skip
        """One call of a pipeline that draws `noise` by itself."""
        pipe.set_progress_bar_config(disable=True)
        steps = []

        def watch(_pipe, _step, _time, values):
            steps.append(values["latents"].clone())
            return {}

        with torch.no_grad():
            frames_out = pipe(
                prompt=prompt,
                negative_prompt=negative,
                width=size[0],
                height=size[1],
                output_type="np",
                callback_on_step_end=watch,
                **call,
            ).frames[0]
        names = {"noise": self.keep(case, "noise", noise)}
        names |= {name: self.keep(case, name, value) for name, value in tensors.items()}
        names["steps"] = self.keep(case, "steps", torch.stack(steps))
        names["frames"] = self.keep(case, "frames", frames_out)
        spread = float(np.std(frames_out))
        assert spread > 0.01, f"{case}: the frames are all but flat ({spread:.4f}): a test of nothing"
        self.cases.append(
            {
                "name": case, "mode": mode, "prompt": prompt, "negative": negative, "size": list(size), "frames": frames,
                **facts, "tensors": names, "tolerance": self.tolerance,
            }
        )  # fmt: skip
        print(f"{case}: frames {frames_out.shape}, spread {spread:.3f}", flush=True)

    def add_to(self, folder: Path) -> None:
        """Puts the cases behind those of a fixture that is there, in place of others of their names."""
        cases = json.loads((folder / "cases.json").read_text())
        new = {case["name"] for case in self.cases}
        kept = {name: value for name, value in load_file(folder / "golden.safetensors").items() if name.split(".")[0] not in new}
        self.cases = [case for case in cases if case["name"] not in new] + self.cases
        self.tensors = kept | self.tensors
        self.write(folder)

    def write(self, folder: Path) -> None:
        save_file(self.tensors, folder / "golden.safetensors")
        (folder / "cases.json").write_text(json.dumps(self.cases, indent=1, ensure_ascii=False) + "\n")
