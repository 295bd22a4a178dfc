//! What models of each make can be asked for: the one table that contracts are held against, and that folders of diffusers get
//! their modes from. The families refuse the rest when they are asked (`families`).

use super::{FamilyName, Mode, Variant};

/// The modes of a model. `pictures`: the two experts of Wan 2.2 were made either for text or for a picture, and this is the
/// latter. `encodes`: whether a Wan from text has an encoder, which the others have in any case.
pub(super) fn able(family: FamilyName, variant: Option<Variant>, pictures: bool, encodes: bool) -> &'static [Mode] {
    use Mode::{Bridge, Edit, Extend, FirstLast, ImageToVideo, Loop, Retake, TextToVideo};
    match (family, variant) {
        (FamilyName::Ambient, _) => &[TextToVideo, ImageToVideo, FirstLast, Extend, Loop, Bridge, Edit, Retake],
        (FamilyName::CogVideoX, _) => &[TextToVideo],
        // The first frame is pinned, and no other can be.
        (FamilyName::Ltx, _) | (FamilyName::Wan, Some(Variant::Ti2v)) => &[TextToVideo, Edit, ImageToVideo, Extend],
        (FamilyName::Wan, Some(Variant::I2vClip)) => &[ImageToVideo, Extend],
        // A last picture is told by the mask, and what needs one needs that.
        (FamilyName::Wan, Some(Variant::I2v)) => &[ImageToVideo, FirstLast, Extend, Loop, Bridge, Retake],
        (FamilyName::Wan, Some(Variant::A14b)) if pictures => &[ImageToVideo, FirstLast, Extend, Loop, Bridge, Retake],
        (FamilyName::Wan, _) if encodes => &[TextToVideo, Edit],
        (FamilyName::Wan, _) => &[TextToVideo],
    }
}
