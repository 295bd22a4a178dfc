"""Golden trajectories of the reference schedulers, for the tests of the Rust ones.

    python -m spotloom_export.schedulers ../tests/fixtures/schedulers.json

Each case is driven by a fixed analytic prediction, 0.3 * sample + 0.5 * sin(0.01 * timestep), computed in f64 and
rounded to f32, on a sample of four f32. `trajectory` has the sample after each step; `draws` are the normal numbers a
stochastic scheduler asked for, in the order it asked. A scheduler that no package has is worked out here, in f64.
Invariant: the same package versions give the same bytes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    CogVideoXDDIMScheduler,
    CogVideoXDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from numpy.polynomial import polynomial

START = np.array([[1.25, -0.5, 0.03125, -2.0]], np.float32)  # the references want a batch axis

COGVIDEOX = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 1.0,
}
LTX = {
    "num_train_timesteps": 1000,
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
    "shift": 1.0,
}


def predict(sample: torch.Tensor, timestep: float) -> torch.Tensor:
    """The stand-in for a model: depends on sample and time, and is the same in every language."""
    value = 0.3 * sample.numpy().astype(np.float64) + 0.5 * np.sin(0.01 * float(timestep))
    return torch.from_numpy(value.astype(np.float32))


def trajectory(scheduler) -> list[list[float]]:
    """The sample after each step of a deterministic scheduler whose time steps are set."""
    sample, after = torch.from_numpy(START.copy()), []
    for timestep in scheduler.timesteps:
        sample = scheduler.step(predict(sample, timestep), timestep, sample, return_dict=False)[0]
        after.append(sample[0].tolist())
    return after


def case(name: str, kind: str, config: dict, steps: int, **more) -> dict:
    return {"name": name, "scheduler": kind, "scheduler-config": config, "steps": steps, **more}


def unipc(steps: int, shift: float, order: int = 2) -> dict:
    config = {
        "num_train_timesteps": 1000,
        "prediction_type": "flow_prediction",
        "use_flow_sigmas": True,
        "solver_order": order,
        "solver_type": "bh2",
        "lower_order_final": True,  # without it the reference divides by zero at the last step
    }
    scheduler = UniPCMultistepScheduler(flow_shift=shift, **config)
    scheduler.set_timesteps(steps)
    return case(
        f"unipc-{order}-shift-{shift:g}-steps-{steps}",
        "unipc",
        config,
        steps,
        shift=shift,
        timesteps=scheduler.timesteps.tolist(),
        sigmas=scheduler.sigmas.tolist(),
        trajectory=trajectory(scheduler),
    )


def flow_euler(steps: int, shift: float) -> dict:
    config = {"num_train_timesteps": 1000}
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift, **config)
    scheduler.set_timesteps(steps)
    return case(
        f"flow-euler-shift-{shift:g}-steps-{steps}",
        "flow-euler",
        config,
        steps,
        shift=shift,
        timesteps=scheduler.timesteps.tolist(),
        sigmas=scheduler.sigmas.tolist(),
        trajectory=trajectory(scheduler),
    )


def flow_ab2(steps: int, shift: float) -> dict:
    """No package has it: Adams-Bashforth of second order as textbooks derive it for uneven steps, in 64 bits. The line
    through the last two velocities is integrated over the step; with one velocity, that is Euler's step. The model is told
    the share of noise."""
    even = np.linspace(1.0, 0.0, steps + 1)
    times = shift * even / (1 + (shift - 1) * even)
    sample, velocities, after = START.astype(np.float64), [], []
    for step in range(steps):
        velocities.append(predict(torch.from_numpy(sample), times[step]).numpy()[0].astype(np.float64))
        known = slice(max(step - 1, 0), step + 1)
        line = polynomial.polyfit(times[known], velocities[known], min(step, 1))
        sample += np.subtract(*polynomial.polyval(times[[step + 1, step]], polynomial.polyint(line)).T)
        after.append(sample[0].tolist())
    return case(
        f"flow-ab2-shift-{shift:g}-steps-{steps}",
        "flow-ab2",
        {},
        steps,
        shift=shift,
        timesteps=times[:-1].tolist(),
        sigmas=times.tolist(),
        trajectory=after,
    )


def flow_euler_dynamic(steps: int, tokens: int, terminal: float | None = 0.1) -> dict:
    """As the LTX pipeline asks for it: sigmas even from 1 to 1/steps, shifted by the number of tokens."""
    config = LTX if terminal else {name: value for name, value in LTX.items() if name != "shift_terminal"}
    scheduler = FlowMatchEulerDiscreteScheduler(**config)
    limits = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    mu = calculate_shift(tokens, *(config[name] for name in limits))
    scheduler.set_timesteps(steps, sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
    return case(
        f"flow-euler-dynamic-tokens-{tokens}-steps-{steps}" + ("" if terminal else "-no-terminal"),
        "flow-euler",
        config,
        steps,
        tokens=tokens,
        mu=mu,
        timesteps=scheduler.timesteps.tolist(),
        sigmas=scheduler.sigmas.tolist(),
        trajectory=trajectory(scheduler),
    )


def ddim(label: str, steps: int, **changes) -> dict:
    config = COGVIDEOX | changes
    scheduler = CogVideoXDDIMScheduler(**config)
    scheduler.set_timesteps(steps)
    return case(
        f"ddim-{label}-steps-{steps}",
        "ddim",
        config,
        steps,
        timesteps=scheduler.timesteps.tolist(),
        trajectory=trajectory(scheduler),
    )


def sde_dpm(label: str, steps: int, **changes) -> dict:
    """As the CogVideoX pipeline drives it: the clean sample of the step before goes in again."""
    config = COGVIDEOX | changes
    scheduler = CogVideoXDPMScheduler(**config)
    scheduler.set_timesteps(steps)
    sample, before, after = torch.from_numpy(START.copy()), None, []
    source, state = torch.Generator().manual_seed(steps), torch.Generator().manual_seed(steps)
    for index, timestep in enumerate(scheduler.timesteps):
        back = scheduler.timesteps[index - 1] if index > 0 else None
        prediction = predict(sample, timestep)
        sample, before = scheduler.step(
            prediction, before, timestep, back, sample, generator=source, return_dict=False
        )
        after.append(sample[0].tolist())
    draws = []
    while not torch.equal(state.get_state(), source.get_state()):
        draws.append(torch.randn(START.shape, generator=state)[0].tolist())
        assert len(draws) <= 2 * steps, "the draws do not follow the scheduler's"
    return case(
        f"sde-dpm-{label}-steps-{steps}",
        "sde-dpm",
        config,
        steps,
        timesteps=scheduler.timesteps.tolist(),
        draws=draws,
        trajectory=after,
    )


def cases() -> list[dict]:
    all_cases = [unipc(steps, shift) for shift in (1.0, 3.0, 5.0, 8.0) for steps in (1, 2, 3, 8, 20)]
    all_cases += [unipc(50, 5.0), unipc(50, 3.0), unipc(2, 5.0, 3), unipc(3, 5.0, 3), unipc(8, 5.0, 3), unipc(20, 3.0, 3)]
    all_cases.append(unipc(8, 3.0, 1))
    all_cases += [flow_euler(steps, shift) for shift in (1.0, 3.0, 7.0) for steps in (1, 2, 8, 20)]
    all_cases += [flow_euler_dynamic(steps, tokens) for tokens in (72, 1024, 4992) for steps in (2, 8, 20)]
    all_cases += [flow_euler_dynamic(8, 1024, None), flow_euler_dynamic(50, 4992)]
    all_cases += [flow_ab2(steps, shift) for shift in (1.0, 3.0, 7.0) for steps in (1, 2, 3, 8, 20)]
    for steps in (1, 2, 3, 8, 20, 50):
        all_cases.append(ddim("trailing-zero-snr", steps))
    all_cases += [
        ddim("2b", 8, snr_shift_scale=3.0),
        ddim("leading", 8, timestep_spacing="leading", rescale_betas_zero_snr=False),
        ddim("leading-offset", 8, timestep_spacing="leading", steps_offset=1, rescale_betas_zero_snr=False),
        ddim("linspace", 8, timestep_spacing="linspace", rescale_betas_zero_snr=False),
        ddim("epsilon", 8, prediction_type="epsilon", rescale_betas_zero_snr=False),
        ddim("alpha-not-one", 8, set_alpha_to_one=False),
    ]
    for steps in (1, 2, 3, 8, 20):
        all_cases.append(sde_dpm("trailing-zero-snr", steps))
    all_cases += [
        sde_dpm("2b", 8, snr_shift_scale=3.0),
        sde_dpm("leading", 8, timestep_spacing="leading", rescale_betas_zero_snr=False),
    ]
    for one in all_cases:
        assert np.isfinite(np.array(one["trajectory"])).all(), one["name"]
    return all_cases


def main() -> None:
    torch.set_num_threads(1)
    lines = ",\n".join(json.dumps(one) for one in cases())
    Path(sys.argv[1]).write_text(f'{{"start": {START[0].tolist()},\n"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
