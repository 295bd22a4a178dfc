//! How a stage describes itself.

use schemars::{JsonSchema, generate::SchemaSettings};

use crate::api::{Description, InputPort, OutputPort, Resource, Resources};

/// Builder for a plugin's [`Description`].
#[derive(Clone, Debug)]
pub struct About {
    description: Description,
}

impl About {
    #[must_use]
    pub fn new(id: &str, version: &str, summary: &str) -> Self {
        Self {
            description: Description {
                id: id.into(),
                version: version.into(),
                summary: summary.into(),
                resources: Resources { cpu: 1, gpu: false, net: false },
                inputs: Vec::new(),
                outputs: Vec::new(),
                params: serde_json::Value::Null,
                cacheable: true,
            },
        }
    }

    /// CPU threads it can make good use of; 0 means as many as it is given.
    #[must_use]
    pub fn cpu(mut self, threads: u32) -> Self {
        self.description.resources.cpu = threads;
        self
    }

    /// It can use an accelerator.
    #[must_use]
    pub fn gpu(mut self) -> Self {
        self.description.resources.gpu = true;
        self
    }

    /// It needs the network.
    #[must_use]
    pub fn net(mut self) -> Self {
        self.description.resources.net = true;
        self
    }

    /// It acts on the outside world: never answered from the cache.
    #[must_use]
    pub fn effect(mut self) -> Self {
        self.description.cacheable = false;
        self
    }

    /// Adds an input port, made with [`input`].
    #[must_use]
    pub fn input(mut self, spec: InputSpec) -> Self {
        self.description.inputs.push(spec.0);
        self
    }

    /// Adds an output port with one file.
    #[must_use]
    pub fn output(mut self, name: &str, summary: &str, media: &str) -> Self {
        self.description.outputs.push(OutputPort {
            name: name.into(),
            summary: summary.into(),
            media: media.into(),
            many: false,
        });
        self
    }

    /// Adds an output port with a list of files.
    #[must_use]
    pub fn outputs(mut self, name: &str, summary: &str, media: &str) -> Self {
        self.description.outputs.push(OutputPort {
            name: name.into(),
            summary: summary.into(),
            media: media.into(),
            many: true,
        });
        self
    }

    /// The finished description, with the schema of `P`.
    pub(crate) fn describe<P: JsonSchema>(mut self) -> Description {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<P>();
        self.description.params = schema.to_value();
        self.description
    }
}

/// An input port being described; see [`input`].
#[derive(Clone, Debug)]
pub struct InputSpec(InputPort);

/// An optional input port that takes one file of any type.
#[must_use]
pub fn input(name: &str, summary: &str) -> InputSpec {
    InputSpec(InputPort {
        name: name.into(),
        summary: summary.into(),
        required: false,
        many: false,
        media: Vec::new(),
        resource: None,
    })
}

impl InputSpec {
    #[must_use]
    pub fn required(mut self) -> Self {
        self.0.required = true;
        self
    }

    /// Takes a list of files.
    #[must_use]
    pub fn many(mut self) -> Self {
        self.0.many = true;
        self
    }

    /// Accepts this media type (`video/*`); call again for more.
    #[must_use]
    pub fn media(mut self, media: &str) -> Self {
        self.0.media.push(media.into());
        self
    }

    /// A plain name given here is looked up as this kind of thing.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.0.resource = Some(resource);
        self
    }
}
