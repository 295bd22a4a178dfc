//! The stage `try-on`: two pictures in, one out.

use ndarray::Array4;
use spotloom_onnx::noise;
use spotloom_plugin_sdk::api::Level;
use spotloom_plugin_sdk::io_failure;
use spotloom_plugin_sdk::prelude::*;

use crate::network::{Conditions, Network, Walk};
use crate::params::Params;
use crate::photo::{Photo, Place};
use crate::pose::Pose;
use crate::recipe::recipe;
use crate::skeleton::Map;

/// Dresses people.
#[derive(Default)]
pub struct TryOn;

impl Stage for TryOn {
    type Params = Params;

    fn about() -> About {
        About::new("try-on", env!("CARGO_PKG_VERSION"), "A picture of a person wearing a garment, from one of each")
            .cpu(0)
            .input(input("model", "A model folder of the family `fashn-vton`").required().resource(Resource::Model))
            .input(input("person", "The person, from the knees up or whole").media("image/*"))
            .input(input("garment", "The garment that nobody wears: laid flat or cut out").media("image/*"))
            .output("picture", "The person wearing it", "image/png")
            .output("recipe", "Everything the picture was made of", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let network = Network::open(&run.require("model")?.path, run.threads(), params.provider()?)?;
        if params.check_model {
            network.check()?;
            return Ok(Outputs::new());
        }
        let contract = &network.model.contract;
        let category = params.check(contract)?;
        let mut warnings = Vec::new();
        let (width, height) = (contract.width, contract.height);
        let person = photo(run, "person", width.max(height), &mut warnings)?;
        let garment = photo(run, "garment", width.max(height), &mut warnings)?;

        run.progress(0, 1, "looking for the person");
        let mut people = network.people(&[&person, &garment])?.into_iter();
        let (wearers, models) = (people.next().unwrap_or_default(), people.next().unwrap_or_default());
        run.check_cancelled()?;
        let poses = network.poses(&person, &wearers)?;
        let names = [run.require("person")?.name.as_str(), run.require("garment")?.name.as_str()];
        let pose = Pose::main(poses).filter(Pose::is_somebody).ok_or_else(|| {
            Failure::new("no-person", format!("nobody can be seen in {}", names[0]))
                .hint("give a picture of one person from the knees up, in even light")
        })?;
        if wearers.len() > 1 {
            let count = wearers.len();
            warnings.push(format!("{} shows {count} people; the one who is largest and clearest is dressed", names[0]));
        }
        if !models.is_empty() {
            let told = "somebody seems to wear the garment in";
            warnings.push(format!("{told} {}: a picture of it laid flat or cut out gives better results", names[1]));
        }
        let map = Map::of(&pose, &person);
        let ((person, place), (garment, beside)) = (person.fit(width, height)?, garment.fit(width, height)?);
        let given = Conditions {
            person: person.tensor(place, width, height),
            garment: garment.tensor(beside, width, height),
            person_pose: map.tensor(place, width, height),
            // Nobody is in it.
            garment_pose: Array4::from_elem((1, 1, height, width), -1.0),
            category,
        };
        let walk = Walk {
            steps: params.steps.unwrap_or(contract.sampling.steps),
            guidance: params.guidance.unwrap_or(contract.sampling.guidance),
            shift: contract.sampling.shift,
            unguided: contract.sampling.unguided,
        };
        let (made, told) = make(&network, params.seed, &given, walk, place, run)?;
        warnings.extend(told);

        let path = run.scratch().join("dressed.png");
        made.write(&path).map_err(|e| io_failure("write", &path, &e))?;
        for warning in &warnings {
            run.log(Level::Warn, warning);
        }
        let recipe = recipe(&network, &params, walk, (&made, &path), run)?.write(run, "dressed")?;
        let mut outputs = Outputs::new()
            .file("picture", path, "image/png")
            .output("recipe", recipe)
            .fact("width", made.width)
            .fact("height", made.height)
            .fact("category", params.category.clone())
            .fact("seed", params.seed)
            .fact("steps", walk.steps)
            .fact("guidance", walk.guidance)
            .fact("model", contract.name.clone())
            .fact("model-sha256", network.model.sha256.clone())
            .fact("licence", contract.licence.spdx.clone())
            .fact("provider", network.provider().to_string())
            .fact("onnxruntime", network.runtime());
        if !contract.licence.notice.is_empty() {
            outputs = outputs.fact("notice", contract.licence.notice.clone());
        }
        Ok(if warnings.is_empty() { outputs } else { outputs.fact("warnings", warnings) })
    }
}

/// The picture of a port, no larger than people are looked for at.
fn photo(run: &Run, port: &str, side: usize, warnings: &mut Vec<String>) -> Result<Photo, Failure> {
    let artifact = run.require(port)?;
    let (photo, transparent) = Photo::read(&artifact.path)?;
    if transparent {
        warnings.push(format!("{} is transparent in places; white was put behind it", artifact.name));
    }
    Ok(photo.at_most(side)?)
}

fn make(
    network: &Network,
    seed: u64,
    given: &Conditions,
    walk: Walk,
    place: Place,
    run: &Run,
) -> Result<(Photo, Vec<String>), Failure> {
    let shape = given.person.raw_dim();
    let drawn = noise::normal(seed, 0, given.person.shape());
    let noise = drawn.into_dimensionality().unwrap_or_else(|_| Array4::zeros(shape));
    let total = walk.steps as u64;
    let (made, told) = network.dress(noise, given, walk, |step| {
        run.progress(step as u64, total, "dressing");
        run.check_cancelled()
    })?;
    run.progress(total, total, "dressed");
    Ok((Photo::from_tensor(&made, place), told))
}
