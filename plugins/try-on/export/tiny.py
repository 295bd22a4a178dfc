"""Writes the fixtures of the tests: `python tiny.py ../tests/fixtures`.

`vton` has random weights, and what the reference pipeline itself makes of them beside it. `paste` has the same ports and
does something one can see: it lays the garment on the middle of the person. Both find people by how dark a place is, and
give every person the same joints, moved a little by what the picture shows.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from fashn_vton import tryon_mmdit
from fashn_vton.dwpose import DWposeDetector, draw_pose
from fashn_vton.pipeline import TryOnPipeline
from fashn_vton.preprocessing import AspectPreserveResize, ResizePad
from PIL import Image, ImageDraw

from vton_export import CATEGORIES, PORTS, difference, export_folder
from spotloom_export.contract import Folder
from spotloom_export.graphs import Ports, export

# OpenPose-like places of the 17 joints of COCO's body, from the left and the top of a person's box.
BODY = [(0.50, 0.13), (0.53, 0.11), (0.47, 0.11), (0.56, 0.12), (0.44, 0.12), (0.64, 0.26), (0.36, 0.26), (0.70, 0.42),
        (0.30, 0.42), (0.72, 0.57), (0.28, 0.57), (0.59, 0.55), (0.41, 0.55), (0.60, 0.75), (0.40, 0.75), (0.61, 0.93),
        (0.39, 0.93)]  # fmt: skip
UNSEEN = {4, 17, 18, 19, 30, 95, 120}


def joints() -> tuple[np.ndarray, np.ndarray]:
    """Places and scores of all 133."""
    feet = [(0.63, 0.97), (0.59, 0.97), (0.61, 0.96), (0.37, 0.97), (0.41, 0.97), (0.39, 0.96)]
    face = [(0.5 + 0.05 * np.sin(i * 0.37), 0.12 + 0.05 * np.cos(i * 0.37)) for i in range(68)]
    hands = []
    for x, side in ((0.72, 1), (0.28, -1)):
        hands.append((x, 0.58))
        hands += [(x + side * 0.03 * (f - 2), 0.61 + 0.025 * j) for f in range(5) for j in range(4)]
    places = np.array([*BODY, *feet, *face, *hands])
    scores = np.array([0.15 if i in UNSEEN else 0.6 + 0.3 * ((i * 7) % 10) / 10 for i in range(133)])
    return places.astype(np.float32), scores.astype(np.float32)


class Detector(torch.nn.Module):
    """YOLOX's shapes: the darkest of the cells of 32 pixels is where a person stands, one near the middle of a tall picture
    before others."""

    def __init__(self):
        super().__init__()
        y, x = torch.meshgrid(torch.arange(20) - 9.0, torch.arange(20) - 7.0, indexing="ij")
        self.register_buffer("middle", 0.002 * (x * x + y * y)[None, None])

    def forward(self, images):
        rows = []
        for stride in (8, 16, 32):
            cells = torch.nn.functional.avg_pool2d(images, stride) / 255.0
            dark = 1.0 - cells.mean(1, keepdim=True)
            offset = 0.5 + 0.2 * (cells[:, :2] - 0.5)
            there = 0.01 * torch.sigmoid(dark)
            if stride == 32:
                likely = dark - self.middle
                darkest = (likely >= likely.amax((2, 3), keepdim=True)).float()
                there = darkest * torch.sigmoid(14.0 * (dark - 0.65)) + there
            one = there * 0.0 + 1.0
            other = 0.05 * torch.sigmoid(cells.mean(1, keepdim=True)).expand(-1, 79, -1, -1)
            row = torch.cat([offset, one * np.log(230 / stride), one * np.log(560 / stride), there, 0.95 * one, other], 1)
            rows.append(row.flatten(2))
        return torch.cat(rows, 2).transpose(1, 2)


class Pose(torch.nn.Module):
    """SimCC's shapes: a bump for each joint, pulled by what the columns and rows show; a white picture has none."""

    def __init__(self, width: int = 288, height: int = 384):
        super().__init__()
        places, scores = joints()
        # A person's box is four fifths of what the network sees, the rest is around it.
        places = 0.1 + 0.8 * places
        self.register_buffer("scores", torch.from_numpy(scores)[None, :, None])
        for name, axis, side in (("x", 0, 2 * width), ("y", 1, 2 * height)):
            self.register_buffer(name, torch.from_numpy(places[:, axis] * side)[None, :, None])

    def forward(self, image):
        parts = []
        somebody = torch.sigmoid(8.0 * (1.9 - image[:, :, 96:288, 72:216].mean()))
        for name, axis in (("x", 2), ("y", 3)):
            profile = image.mean(axis).mean(1, keepdim=True)
            profile = torch.nn.functional.interpolate(profile, scale_factor=2.0, mode="linear", align_corners=False)
            # Worked out each time: folded into the file it would be most of it.
            place = getattr(self, name) + 0.0 * profile.mean()
            bump = torch.exp(-(((torch.arange(profile.shape[-1]) - place) / 40.0) ** 2))
            parts.append(somebody * self.scores * bump * (1.0 + 0.1 * torch.tanh(profile)))
        return tuple(parts)


class Paste(torch.nn.Module):
    """Straight to the person with the garment, at half its size, on the middle."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.size = (height, width)

    def forward(self, sample, timestep, person, garment, person_pose, garment_pose, category):
        height, width = self.size
        small = torch.nn.functional.avg_pool2d(garment, 2)
        top, left = height // 4, width // 4
        beside = (left, width - width // 2 - left, top, height - height // 2 - top)
        laid = torch.nn.functional.pad(small, beside)
        mask = torch.nn.functional.pad(0.0 * small[:, :1] + 1.0, beside)
        target = person * (1.0 - mask) + laid * mask
        # The ports that say how somebody stands and what it is are looked at, and change nothing.
        still = 0.0 * (person_pose.mean() + garment_pose.mean() + category.float().mean())
        return (target - sample) / (1.0 - timestep[:, None, None, None]) + still


def photos(width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """Somebody in dark clothes before a light wall, and a shirt on white."""
    grid = np.linspace(0, 1, width * height).reshape(height, width)
    wall = np.stack([236 - 20 * grid, 230 - 14 * grid, 222 - 6 * grid], -1).astype(np.uint8)
    person = Image.fromarray(wall)
    draw = ImageDraw.Draw(person)
    x, y = width / 100, height / 100
    draw.ellipse([42 * x, 8 * y, 58 * x, 22 * y], fill=(190, 140, 110))
    draw.polygon([(34 * x, 26 * y), (66 * x, 26 * y), (62 * x, 56 * y), (38 * x, 56 * y)], fill=(60, 66, 84))
    draw.polygon([(38 * x, 56 * y), (62 * x, 56 * y), (64 * x, 96 * y), (36 * x, 96 * y)], fill=(30, 32, 40))
    for side in (-1, 1):
        draw.line([(50 * x + side * 16 * x, 28 * y), (50 * x + side * 24 * x, 57 * y)], fill=(66, 72, 92), width=int(7 * x))
    garment = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(garment)
    draw.polygon([(8 * x, 20 * y), (36 * x, 10 * y), (64 * x, 10 * y), (92 * x, 20 * y), (84 * x, 40 * y), (74 * x, 36 * y),
                  (76 * x, 92 * y), (24 * x, 92 * y), (26 * x, 36 * y), (16 * x, 40 * y)], fill=(242, 140, 15))  # fmt: skip
    return person, garment


def noise(shape: tuple[int, ...]) -> torch.Tensor:
    """Reproducible in any language; about as wide as normal noise."""
    i = np.arange(np.prod(shape), dtype=np.float64)
    return torch.from_numpy((1.4 * np.sin(0.7 * i + 3.0 * np.sin(0.13 * i))).astype(np.float32).reshape(shape))


def pose_files(folder: Path) -> None:
    export(Ports(Detector(), ["images"], lambda m, *i: m(*i)), (torch.zeros(1, 3, 640, 640),), folder / "yolox_l.onnx", ["output"], {})
    given = (torch.zeros(1, 3, 384, 288),)
    export(Ports(Pose(), ["input"], lambda m, *i: m(*i)), given, folder / "dw-ll_ucoco_384.onnx", ["simcc_x", "simcc_y"], {})


def reference(model, poses: Path) -> TryOnPipeline:
    """The reference pipeline around our weights, without the parser that this use of it does not need."""
    pipe = object.__new__(TryOnPipeline)
    pipe.logger, pipe.device, pipe.inference_dtype = mock.MagicMock(), torch.device("cpu"), torch.float32
    pipe.tryon_model, pipe.pose_model = model, DWposeDetector(str(poses), device="cpu")
    pipe.hp_model = mock.MagicMock(predict=lambda image: np.zeros(image.shape[:2], dtype=np.uint8))
    height, width = model.input_shape
    pipe.pre_resize = AspectPreserveResize(target_size=(max(height, width),) * 2, mode="fit", backend="pil")
    pipe.resize_pad_fn = ResizePad((width, height), backend="opencv")
    return pipe


def golden(model, poses: Path, out: Path) -> None:
    """What the reference makes of two photos in the model's size, where nothing is scaled, and how somebody stands in a
    larger one."""
    pipe = reference(model, poses)
    height, width = model.input_shape
    person, garment = photos(width, height)
    person.save(out / "person.png")
    garment.save(out / "garment.png")
    kept, made = {}, {}
    sample = pipe._sample

    def watch(**given):
        kept.update({name: value.numpy() for name, value in given.items() if isinstance(value, torch.Tensor)})
        return sample(**given)

    start = noise((1, 3, height, width))
    tensor_to_pil = lambda image, unnormalize: made.setdefault("image", image.numpy().copy()) is None or Image.fromarray(
        np.zeros((height, width, 3), np.uint8)
    )
    with mock.patch.object(torch, "randn", lambda *a, **k: start.clone()), mock.patch.object(pipe, "_sample", watch), \
            mock.patch("fashn_vton.pipeline.tensor_to_pil", tensor_to_pil):  # fmt: skip
        pipe(person, garment, category="bottoms", garment_photo_type="flat-lay", num_timesteps=6, segmentation_free=True)
    assert made["image"].std() > 0.05, "the picture is all but flat: a test of nothing"
    large, _ = photos(300, 400)
    large.save(out / "large.png")
    found = pipe.pose_model(np.array(large)[..., ::-1])
    drawn = draw_pose(found, 400, 300, grayscale=True)
    bodies = found["bodies"]
    seen = (bodies["subset"][0] >= 0).tolist()
    assert (drawn > 0).mean() > 0.02 and sum(seen) >= 14, "nobody is found"
    Image.fromarray(drawn).save(out / "large_pose.png", optimize=True)
    own = np.round((kept["person_poses"][0, 0] + 1) * 127.5).astype(np.uint8)
    Image.fromarray(own).save(out / "person_pose.png", optimize=True)
    case = {"category": "bottoms", "steps": 6, "tolerance": 2e-5, "every": 11}
    case["body"] = [[round(float(x), 6), round(float(y), 6), s] for (x, y), s in zip(bodies["candidate"], seen)]
    # Every eleventh value, to keep the file small.
    case["image"] = [float(np.format_float_positional(v, 7)) for v in made["image"].ravel()[::11]]
    (out / "case.json").write_text(json.dumps(case) + "\n")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Tiny models with golden values, for the tests.")
    arguments.add_argument("out", type=Path, help="the folder of fixtures, ../tests/fixtures")
    out = arguments.parse_args().out
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes = {"input_shape": (96, 64), "patch_size": 8, "hidden_size": 32, "n_heads": 2, "axes_dim": (4, 6, 6)}
    build = lambda: tryon_mmdit.TryOnModel(
        **sizes, double_blocks_depth=1, single_blocks_depth=1, patch_mixer_depth=1, mlp_ratio=2
    ).eval()
    model = build()
    with tempfile.TemporaryDirectory() as work:
        poses = Path(work)
        pose_files(poses)
        about = {"name": "tiny-vton", "summary": "random weights, for tests", "licence": "Apache-2.0", "notice": ""}
        again = build()
        again.load_state_dict(model.state_dict())
        export_folder(again, poses, Folder(out / "vton", "fp32"), about)
        worst = difference(model, out / "vton")
        print(f"vton: graph and reference differ by {worst:.1e} at most")
        if worst > 2e-5:
            raise SystemExit("that is too much")
        golden(model, poses, out / "vton")

        height, width = 288, 192
        paste = Ports(Paste(height, width), PORTS, lambda m, *i: m(*i))
        maps = [torch.zeros(1, c, height, width) for c in (3, 3, 3, 1, 1)]
        path = Path(work) / "paste.onnx"
        export(paste, (maps[0], torch.tensor([0.5]), *maps[1:], torch.tensor([1])), path, ["velocity"], {})
        folder = Folder(out / "paste", "fp32")
        for role, name in (("person-detector", "yolox_l.onnx"), ("pose", "dw-ll_ucoco_384.onnx"), ("transformer", path.name)):
            folder.file(role).write_bytes((Path(work) / name).read_bytes())
            folder.add(role, folder.file(role))
        contract = {"name": "paste", "summary": "lays the garment on the middle, for tests", "family": "fashn-vton"}
        contract |= {"licence": {"spdx": "Apache-2.0", "notice": "for tests alone"}, "width": width, "height": height}
        folder.write(contract | {"categories": CATEGORIES, "sampling": {"steps": 4, "guidance": 1.5, "shift": 1.5, "unguided": 1}})


if __name__ == "__main__":
    main()
