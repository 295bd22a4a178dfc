//! Words and logos that a look has twice, light and dark, so that each scene gets the one that its picture asks for.

use resvg::usvg::roxmltree::Node;

/// One of the two drawings of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tone {
    /// What goes together: its groups are all shown light or all dark.
    pub pair: String,
    pub dark: bool,
}

impl Tone {
    /// `data-tone="light"` or `"dark"`, with `data-pair="NAME"`; a name of its own where there is none.
    ///
    /// # Errors
    /// Another tone.
    pub fn of(group: Node<'_, '_>) -> Result<Option<Self>, String> {
        let Some(tone) = group.attribute("data-tone") else { return Ok(None) };
        let dark = match tone.trim() {
            "light" => false,
            "dark" => true,
            other => return Err(format!("data-tone is `{other}`; expected light or dark")),
        };
        Ok(Some(Self { pair: group.attribute("data-pair").unwrap_or_default().to_owned(), dark }))
    }
}
