//! What the configurations of each family's reference pipeline tell, and that pipeline's own defaults for the rest: size,
//! frames and guidance as its `__call__` has them (diffusers 0.42, `pipelines/wan`, `ltx`, `cogvideo`).

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Config, Folder, INDEX};
use crate::contract::{FamilyName, Variant, modes};
use crate::schedulers::SchedulerConfig;

/// The whole contract; what it lacks is in `missing` afterwards.
pub(super) fn contract(folder: &mut Folder<'_>) -> Value {
    let pipeline: String = folder.index.get("_class_name").unwrap_or_default();
    let figures = match pipeline.as_str() {
        "WanPipeline" | "WanImageToVideoPipeline" => wan(folder),
        "LTXPipeline" | "LTXImageToVideoPipeline" => ltx(folder),
        "CogVideoXPipeline" => cogvideox(folder),
        other => {
            let known =
                "WanPipeline, WanImageToVideoPipeline, LTXPipeline, LTXImageToVideoPipeline or CogVideoXPipeline";
            let found = if other.is_empty() { "nothing".to_owned() } else { format!("`{other}`") };
            let mut message =
                format!("a pipeline that is known: `_class_name` in `{INDEX}` is {found}, expected {known}");
            if other == "LTXConditionPipeline" {
                // It would run, and every frame after the first would be told to lie at another moment.
                message += ". Its coordinates in time, and the noise on frames that are given, are others than those made here; \
                            with LTXPipeline or LTXImageToVideoPipeline in its place the same weights work";
            }
            folder.missing.push(message);
            return Value::Null;
        }
    };
    let name = folder.root.canonicalize().unwrap_or_else(|_| Path::new(folder.root).into());
    let name = name.file_name().map_or_else(|| "model".into(), |n| n.to_string_lossy().into_owned());
    let mut whole = json!({
        "contract": 1,
        "name": name,
        "summary": format!("Put together from a folder of diffusers ({pipeline})"),
        "licence": folder.licence(),
    });
    if let (Some(whole), Value::Object(figures)) = (whole.as_object_mut(), figures) {
        whole.extend(figures.into_iter().filter(|(_, value)| !value.is_null()));
    }
    whole
}

/// The configurations that every family has: transformer, autoencoder, scheduler.
fn configs(folder: &mut Folder<'_>) -> [Config; 3] {
    [
        folder.config("the transformer's patches and channels", &["transformer/config.json"]),
        folder.config(
            "the channels, strides and statistics of the latents",
            &["vae/config.json", "vae_decoder/config.json"],
        ),
        folder.config("how the model is sampled", &["scheduler/scheduler_config.json"]),
    ]
}

/// The scheduler's name here, when it is one of those that the family was trained for.
fn scheduler(folder: &mut Folder<'_>, config: &Config, known: &[(&str, &'static str)]) -> &'static str {
    let class: String = folder.need(config, "_class_name");
    if let Some((_, name)) = known.iter().find(|(reference, _)| *reference == class) {
        return name;
    }
    if !class.is_empty() {
        let known: Vec<&str> = known.iter().map(|(reference, _)| *reference).collect();
        let message =
            format!("a scheduler that is known: `{}` names `{class}`, expected {}", config.file, known.join(" or "));
        folder.missing.push(message);
    }
    ""
}

/// Every argument of a reference scheduler, whether it is supported or not, so that the contract is refused where it is not. What
/// is no argument has no effect in the reference.
fn scheduler_figures(config: &Config, scheduler: &str) -> Value {
    let given = |name: String| config.get::<Value>(&name).filter(|v| !v.is_null()).map(|value| (name, value));
    let mut figures: Map<_, _> = SchedulerConfig::fields().into_iter().filter_map(given).collect();
    // The reference's own defaults, where a contract's are others.
    let defaults: &[(&str, Value)] = match scheduler {
        "unipc" => &[("use_flow_sigmas", false.into()), ("prediction_type", "epsilon".into())],
        "flow-euler" => &[("num_train_timesteps", 1000.into())],
        _ => &[],
    };
    for (name, value) in defaults {
        figures.entry(*name).or_insert_with(|| value.clone());
    }
    Value::Object(figures)
}

fn wan(folder: &mut Folder<'_>) -> Value {
    let [transformer, vae, schedule] = configs(folder);
    let boundary: Option<f64> = folder.index.get("boundary_ratio");
    let channels: u64 = folder.need(&vae, "z_dim");
    let inside: u64 = folder.need(&transformer, "in_channels");
    // Given pictures are further channels; 0 is one of the two that is missing, and said to be.
    let pictures = inside != 0 && channels != 0 && inside != channels;
    let clip = transformer.get::<u64>("image_dim").is_some();
    let variant = match folder.index.get("expand_timesteps") {
        Some(true) => Variant::Ti2v,
        _ if boundary.is_some() => Variant::A14b,
        _ if clip => Variant::I2vClip,
        _ if pictures => Variant::I2v,
        _ => Variant::T2v,
    };
    let mut roles = vec!["tokenizer", "text-encoder", "transformer", "vae-decoder-first", "vae-decoder-next"];
    roles.extend((variant == Variant::A14b).then_some("transformer-low"));
    roles.extend((variant == Variant::I2vClip).then_some("image-encoder"));
    // One graph over all frames, or two that go step by step. A model from text makes clips again where it has one.
    let whole = folder.has("vae-encoder");
    let encodes = whole || folder.has("vae-encoder-first");
    if pictures || variant == Variant::Ti2v || encodes {
        roles.extend(if whole { &["vae-encoder"][..] } else { &["vae-encoder-first", "vae-encoder-next"][..] });
    }
    let components = folder.components(&roles);
    let modes = modes::able(FamilyName::Wan, Some(variant), pictures, encodes);
    // Configurations before Wan 2.2 do not name the strides; they follow from the layers that halve.
    let halves: Vec<bool> = vae.get("temperal_downsample").unwrap_or_else(|| vec![false, true, true]);
    let time = vae.get("scale_factor_temporal").unwrap_or(1u64 << halves.iter().filter(|t| **t).count().min(8));
    let space = vae.get("scale_factor_spatial").unwrap_or(1u64 << halves.len().min(8));
    let names = [("UniPCMultistepScheduler", "unipc"), ("FlowMatchEulerDiscreteScheduler", "flow-euler")];
    let scheduler = scheduler(folder, &schedule, &names);
    let shift = schedule.get::<f64>(if scheduler == "unipc" { "flow_shift" } else { "shift" }).unwrap_or(1.0);
    let mut sampling = json!({"scheduler": scheduler, "steps": 50, "shift": shift, "guidance": 5.0});
    if let Some(boundary) = boundary {
        // The reference leaves the second expert's guidance to its caller; this is what the model card calls it with.
        sampling["guidance-low"] = 3.0.into();
        sampling["boundary"] = boundary.into();
    }
    json!({
        "family": "wan",
        "variant": variant,
        "modes": modes,
        "video": match variant {
            Variant::Ti2v => json!({"width": 1280, "height": 704, "frames": 121, "fps": 24, "sizes": [[704, 1280]]}),
            _ => json!({"width": 832, "height": 480, "frames": 81, "fps": 16, "sizes": [[480, 832]]}),
        },
        "latent": {
            "channels": channels,
            "stride": [time, space, space],
            "patch": folder.need::<Vec<u64>>(&transformer, "patch_size"),
            "rule": "causal",
            "mean": folder.need::<Vec<f64>>(&vae, "latents_mean"),
            "std": folder.need::<Vec<f64>>(&vae, "latents_std"),
        },
        "prompt": {"tokens": folder.tokens(512), "negative": "used", "mask": "zeroed", "clean": true},
        "sampling": sampling,
        "scheduler-config": scheduler_figures(&schedule, scheduler),
        "attention-heads": folder.attention_heads(&transformer),
        "components": components,
    })
}

fn ltx(folder: &mut Folder<'_>) -> Value {
    let [transformer, vae, schedule] = configs(folder);
    let components = folder.components(&["tokenizer", "text-encoder", "transformer", "vae-decoder", "vae-encoder"]);
    let timed = vae.get("timestep_conditioning").unwrap_or(false);
    // The strides are those of the patches, doubled by each layer that scales.
    let scaling: Vec<bool> = vae.get("spatio_temporal_scaling").unwrap_or_else(|| vec![true, true, true, false]);
    let doubled = 1u64 << scaling.iter().filter(|s| **s).count().min(8);
    let time = vae.get("temporal_compression_ratio").unwrap_or(vae.get("patch_size_t").unwrap_or(1) * doubled);
    let space = vae.get("spatial_compression_ratio").unwrap_or(vae.get("patch_size").unwrap_or(4) * doubled);
    let scheduler = scheduler(folder, &schedule, &[("FlowMatchEulerDiscreteScheduler", "flow-euler")]);
    // One that grows with the tokens is all there is.
    let dynamic = schedule.get("use_dynamic_shifting").unwrap_or(false);
    let shift = schedule.get::<f64>("shift").filter(|_| !dynamic).unwrap_or(1.0);
    let mut sampling = json!({"scheduler": scheduler, "steps": 50, "shift": shift, "guidance": 3.0});
    if timed {
        sampling["decode-timestep"] = 0.05.into();
        sampling["decode-noise"] = 0.025.into();
    }
    let patch = transformer.get::<u64>("patch_size").unwrap_or(1);
    json!({
        "family": "ltx",
        "variant": if timed { "timestep" } else { "base" },
        "modes": modes::able(FamilyName::Ltx, None, true, true),
        "video": {"width": 704, "height": 512, "frames": 161, "fps": 25, "sizes": [[512, 704]]},
        "latent": {
            "channels": folder.need::<u64>(&vae, "latent_channels"),
            "stride": [time, space, space],
            "patch": [transformer.get::<u64>("patch_size_t").unwrap_or(1), patch, patch],
            "rule": "causal",
            // The reference keeps these two among the weights; an export has to write them into the configuration.
            "mean": folder.need::<Vec<f64>>(&vae, "latents_mean"),
            "std": folder.need::<Vec<f64>>(&vae, "latents_std"),
            "scale": vae.get::<f64>("scaling_factor").unwrap_or(1.0),
        },
        "prompt": {"tokens": folder.tokens(128), "negative": "used", "mask": "passed", "clean": false},
        "sampling": sampling,
        "scheduler-config": scheduler_figures(&schedule, scheduler),
        "attention-heads": folder.attention_heads(&transformer),
        "components": components,
    })
}

fn cogvideox(folder: &mut Folder<'_>) -> Value {
    let [transformer, vae, schedule] = configs(folder);
    let components = folder.components(&[
        "tokenizer",
        "text-encoder",
        "transformer",
        "vae-decoder-first-1",
        "vae-decoder-first-2",
        "vae-decoder-first-3",
        "vae-decoder-next",
    ]);
    let patch: u64 = folder.need(&transformer, "patch_size");
    let patch_time: Option<u64> = transformer.get("patch_size_t");
    let rope = transformer.get("use_rotary_positional_embeddings").unwrap_or(false);
    let variant = if patch_time.is_some() {
        "v1.5"
    } else if rope {
        "5b"
    } else {
        "2b"
    };
    let [width, height, frames] =
        ["sample_width", "sample_height", "sample_frames"].map(|name| folder.need::<u64>(&transformer, name));
    let space = 1u64 << folder.need::<Vec<u64>>(&vae, "block_out_channels").len().saturating_sub(1).min(8);
    let names = [("CogVideoXDDIMScheduler", "ddim"), ("CogVideoXDPMScheduler", "sde-dpm")];
    let scheduler = scheduler(folder, &schedule, &names);
    let dynamic = scheduler == "sde-dpm";
    let mut contract = json!({
        "family": "cogvideox",
        "variant": variant,
        "modes": modes::able(FamilyName::CogVideoX, None, false, false),
        "video": {
            "width": width * space,
            "height": height * space,
            "frames": frames,
            "fps": if variant == "v1.5" { 16 } else { 8 },
        },
        "latent": {
            "channels": folder.need::<u64>(&vae, "latent_channels"),
            "stride": [vae.get::<u64>("temporal_compression_ratio").unwrap_or(4), space, space],
            "patch": [patch_time.unwrap_or(1), patch, patch],
            "rule": "causal",
            "scale": folder.need::<f64>(&vae, "scaling_factor"),
        },
        "prompt": {"tokens": folder.tokens(226), "negative": "used", "mask": "none", "clean": false},
        "sampling": {"scheduler": scheduler, "steps": 50, "guidance": 6.0, "dynamic-guidance": dynamic},
        "scheduler-config": scheduler_figures(&schedule, scheduler),
        "attention-heads": folder.attention_heads(&transformer),
        "components": components,
    });
    if rope {
        let side = |length: u64| length / patch.max(1);
        contract["rope"] = json!({
            "head-dim": folder.need::<u64>(&transformer, "attention_head_dim"),
            "base-width": side(width),
            "base-height": side(height),
        });
    }
    contract
}
