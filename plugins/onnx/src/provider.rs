//! What does the arithmetic: the processor, or an accelerator by the name ONNX Runtime knows it under.

use std::fmt;

use ort::ep;
use ort::memory::AllocationDevice;
use ort::session::builder::SessionBuilder;
use serde::Deserialize;
use spotloom_plugin_api::Failure;

/// An execution provider. Each but `cpu` needs a build of ONNX Runtime that has it, and its driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor: always there.
    #[default]
    Cpu,
    /// NVIDIA.
    Cuda,
    /// NVIDIA, compiled: slow to start, fast to run. Operators that it lacks run by `cuda`.
    #[serde(rename = "tensorrt")]
    TensorRt,
    /// AMD.
    Rocm,
    /// AMD, compiled.
    #[serde(rename = "migraphx")]
    MiGraphX,
    /// Intel.
    #[serde(rename = "openvino")]
    OpenVino,
    /// Apple.
    #[serde(rename = "coreml")]
    CoreMl,
    /// Windows.
    #[serde(rename = "directml")]
    DirectMl,
    /// CUDA if it works, else the processor.
    Auto,
}

impl Provider {
    /// Every provider with its name.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Cpu, "cpu"),
        (Self::Cuda, "cuda"),
        (Self::TensorRt, "tensorrt"),
        (Self::Rocm, "rocm"),
        (Self::MiGraphX, "migraphx"),
        (Self::OpenVino, "openvino"),
        (Self::CoreMl, "coreml"),
        (Self::DirectMl, "directml"),
        (Self::Auto, "auto"),
    ];

    /// The provider of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(provider, _)| *provider)
    }

    /// The one that is asked for, else that of the environment variable `SPOTLOOM_PROVIDER`, else the processor.
    ///
    /// # Errors
    /// The variable names none, in words for people.
    pub fn chosen(asked: Option<Self>) -> Result<Self, UnknownProvider> {
        Self::among(asked, std::env::var("SPOTLOOM_PROVIDER").ok())
    }

    fn among(asked: Option<Self>, env: Option<String>) -> Result<Self, UnknownProvider> {
        match (asked, env.filter(|e| !e.is_empty())) {
            (Some(provider), _) => Ok(provider),
            (None, None) => Ok(Self::Cpu),
            (None, Some(name)) => Self::named(&name).ok_or_else(|| UnknownProvider {
                name,
                expected: format!("SPOTLOOM_PROVIDER takes one of {}", Self::ALL.map(|(_, name)| name).join(", ")),
            }),
        }
    }

    /// The memory of its own that it computes in. Not known of `auto`, which may turn out to be the processor.
    pub(crate) fn memory(self) -> Option<AllocationDevice<'static>> {
        match self {
            Self::Cuda | Self::TensorRt => Some(AllocationDevice::CUDA),
            Self::Rocm | Self::MiGraphX => Some(AllocationDevice::HIP),
            Self::DirectMl => Some(AllocationDevice::DIRECTML),
            Self::Cpu | Self::OpenVino | Self::CoreMl | Self::Auto => None,
        }
    }

    /// Whether the processor computes, as far as is known: `auto` may turn out to be it.
    pub(crate) fn may_be_processor(self) -> bool {
        matches!(self, Self::Cpu | Self::Auto)
    }

    /// Whether it can record a graph and play it back.
    #[must_use]
    pub fn has_graphs(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }

    /// Adds the provider to a session, with recordings where it has them. All but `auto` fail when it can't be had: a job
    /// that asks for a card must not spend the night on the processor.
    pub(crate) fn register(self, builder: SessionBuilder, graphs: bool) -> Result<SessionBuilder, ort::Error> {
        // cuDNN's exhaustive search starts anew for each new shape.
        let cuda = || ep::CUDA::default().with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic);
        let dispatch = match self {
            Self::Cpu => return Ok(builder),
            Self::Cuda => cuda().with_cuda_graph(graphs).build().error_on_failure(),
            Self::TensorRt => {
                let compiled = ep::TensorRT::default().with_cuda_graph(graphs).build().error_on_failure();
                // What TensorRT has no operator for belongs on the same card, not on the processor.
                let others = cuda().build().error_on_failure();
                return builder.with_execution_providers([compiled, others]).map_err(|e| ort::Error::new(e.message()));
            }
            Self::Rocm => ep::ROCm::default().build().error_on_failure(),
            Self::MiGraphX => ep::MIGraphX::default().build().error_on_failure(),
            Self::OpenVino => ep::OpenVINO::default().build().error_on_failure(),
            Self::CoreMl => ep::CoreML::default().build().error_on_failure(),
            Self::DirectMl => ep::DirectML::default().build().error_on_failure(),
            Self::Auto => cuda().build().fail_silently(),
        };
        builder.with_execution_providers([dispatch]).map_err(|e| ort::Error::new(e.message()))
    }
}

/// What `SPOTLOOM_PROVIDER` says, and what it may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProvider {
    pub name: String,
    pub expected: String,
}

impl From<UnknownProvider> for Failure {
    fn from(unknown: UnknownProvider) -> Self {
        let UnknownProvider { name, expected } = unknown;
        Self::new("bad-params", format!("the parameter `provider` is {name}; {expected}"))
            .hint("correct it under this stage's `with:` in the pipeline, or in the daemon's environment")
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(provider, _)| provider == self).map_or("cpu", |(_, name)| name);
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_pipelines() {
        for (provider, name) in Provider::ALL {
            assert_eq!(Provider::named(name), Some(provider));
            assert_eq!(serde_saphyr::from_str::<Provider>(name).expect("a provider"), provider);
            assert_eq!(provider.to_string(), name);
        }
        assert_eq!(Provider::named("gpu"), None);
    }

    #[test]
    fn the_provider_comes_from_the_pipeline_or_the_environment() {
        let check = |asked, env: Option<&str>, expected| {
            assert_eq!(Provider::among(asked, env.map(str::to_owned)).expect("a provider"), expected);
        };
        check(None, None, Provider::Cpu);
        check(None, Some(""), Provider::Cpu);
        check(None, Some("cuda"), Provider::Cuda);
        check(Some(Provider::Cpu), Some("cuda"), Provider::Cpu);
        let unknown = Provider::among(None, Some("gpu".into())).expect_err("no provider");
        assert!(unknown.expected.contains("SPOTLOOM_PROVIDER takes one of cpu, cuda"), "{}", unknown.expected);
    }
}
