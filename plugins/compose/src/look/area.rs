//! Where the pictures of a group are drawn.

use std::fmt::Write as _;

use resvg::usvg::roxmltree::Node;
use resvg::usvg::{Options, Tree};

use crate::look::group::GroupReader;
use crate::look::svg::{PictureMark, push_attribute};

impl GroupReader<'_, '_> {
    /// The pictures in the group, each with what it covers: transforms counted, the bars of another shape left out.
    /// `head` is the outermost tag of the file.
    pub fn pictures(&self, head: &str) -> Vec<PictureMark> {
        let images = self.group.descendants().filter(|n| n.tag_name().name() == "image");
        images.filter_map(|node| self.picture(head, node)).collect()
    }

    fn picture(&self, head: &str, node: Node<'_, '_>) -> Option<PictureMark> {
        let key = node.attributes().find(|a| a.name() == "href")?.value();
        let ratio = self.scope.pictures.get(key)?.ratio as f32;
        // A rectangle in its place is measured by who draws it: units and transforms are read in one way only.
        let mut svg = head.to_owned();
        let mut open = 0;
        let groups: Vec<Node<'_, '_>> = node.ancestors().skip(1).filter(|a| a.tag_name().name() == "g").collect();
        for transform in groups.iter().rev().filter_map(|g| g.attribute("transform")) {
            svg.push_str("<g");
            push_attribute(&mut svg, "transform", transform);
            svg.push('>');
            open += 1;
        }
        svg.push_str("<rect");
        for name in ["x", "y", "width", "height", "transform"] {
            node.attribute(name).into_iter().for_each(|value| push_attribute(&mut svg, name, value));
        }
        let _ = write!(svg, "/>{}</svg>", "</g>".repeat(open));
        let tree = Tree::from_str(&svg, &Options::default()).ok()?;
        let (b, unit) = (tree.root().abs_bounding_box(), self.scope.page.0 / tree.size().width());
        let (w, h) = (b.width().min(b.height() * ratio), b.height().min(b.width() / ratio));
        let (x, y) = (b.left() + (b.width() - w) / 2.0, b.top() + (b.height() - h) / 2.0);
        Some(PictureMark { key: key.into(), area: [x, y, x + w, y + h].map(|v| v * unit) })
    }
}
