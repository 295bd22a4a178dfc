//! One top-level group of a look to layers: when it is there, how it moves, and how its texts are divided.

use std::fmt::Write as _;
use std::ops::Range;

use resvg::usvg::roxmltree::Node;
use spotloom_composition::motion::{Animation, Effect, Motion};

use crate::error::Error;
use crate::look::animation::{Words, parse_animation, parse_idle, parse_time};
use crate::look::count::Number;
use crate::look::place::{Override, Placed, number, place_text};
use crate::look::svg::{Scope, TextMark, place, push_attribute};
use crate::look::tone::Tone;
use crate::timeline::PartKind;

/// Pictures a second of a number that counts, and how many at most.
const COUNTS_A_SECOND: f64 = 20.0;
const MOST_COUNTS: f64 = 60.0;
/// A number counts for so much of its time at most, and not at all where it has fewer seconds.
const MOST_OF_IT: f64 = 0.6;
const LEAST_TO_COUNT: f64 = 1.0;
/// From here on an ease shows the whole number.
const AS_GOOD_AS_THERE: f64 = 0.94;

/// A layer without the document around it.
pub(super) struct Piece {
    pub id: String,
    pub body: String,
    /// The same without its texts, where there is anything else in it.
    pub ground: Option<String>,
    pub motion: Motion,
    /// Top and bottom of the line it was split from: what `rise` comes out of.
    pub mask: Option<(f32, f32)>,
    /// Where the line ends after each letter, in reading order.
    pub letters: Vec<f32>,
    pub texts: Vec<TextMark>,
}

/// How a group's texts are divided into layers of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    None,
    Word,
    Line,
    /// Line by line, one after the other.
    Typed,
}

type Texts = Vec<(Range<usize>, Placed)>;

pub(super) struct GroupReader<'a, 'd> {
    pub scope: &'a Scope<'a>,
    pub svg: &'a str,
    pub group: Node<'a, 'd>,
    pub id: String,
}

impl GroupReader<'_, '_> {
    pub fn read(&self) -> Result<Vec<Piece>, Error> {
        let Some(motion) = self.motion()? else { return Ok(Vec::new()) };
        let is = |a: &Option<Animation>, effect: Effect| a.is_some_and(|a| a.effect == effect);
        if is(&motion.enter, Effect::CountUp) {
            return self.counting(&motion);
        }
        let split = match self.group.attribute("data-split") {
            _ if is(&motion.enter, Effect::Typewriter) || is(&motion.leave, Effect::Typewriter) => Split::Typed,
            None => Split::None,
            Some("word") => Split::Word,
            Some("line") => Split::Line,
            Some(other) => return Err(self.wrong(self.group, &format!("data-split is `{other}`; word or line"))),
        };
        let texts = self.texts(|_| Ok(Override::default()))?;
        if split == Split::None {
            return Ok(vec![self.whole(&texts, motion)]);
        }
        self.divided(&texts, &motion, split)
    }

    /// The least strength of a group that is a shade.
    pub fn shade(&self) -> Result<Option<f32>, Error> {
        let Some(least) = number(self.group, "data-shade").map_err(|e| self.wrong(self.group, &e))? else {
            return Ok(None);
        };
        if !(0.0..=1.0).contains(&least) {
            return Err(self.wrong(self.group, &format!("data-shade is {least}; expected 0 to 1")));
        }
        if let Some(text) = self.group.descendants().find(|n| n.tag_name().name() == "text") {
            return Err(self.wrong(text, "a shade has no texts of its own; they go into a group above it"));
        }
        Ok(Some(least as f32))
    }

    /// Whether it is there light and dark, and which it is.
    pub fn tone(&self) -> Result<Option<Tone>, Error> {
        Tone::of(self.group).map_err(|e| self.wrong(self.group, &e))
    }

    fn texts(&self, change: impl Fn(Node<'_, '_>) -> Result<Override, Error>) -> Result<Texts, Error> {
        let nodes = self.group.descendants().filter(|n| n.tag_name().name() == "text");
        nodes
            .map(|node| {
                let wrong = |e: String| self.wrong(node, &e);
                Ok((node.range(), place_text(self.scope, node, &self.id, change(node)?, &wrong)?))
            })
            .collect()
    }

    fn whole(&self, texts: &Texts, motion: Motion) -> Piece {
        let marks = texts.iter().filter_map(|(_, p)| p.mark(0..p.block.lines.len())).collect();
        Piece {
            id: self.id.clone(),
            body: self.body(texts, Placed::drawn),
            ground: self.ground(texts),
            motion,
            mask: None,
            letters: Vec::new(),
            texts: marks,
        }
    }

    /// What is left of the group without its texts; `None` when that is nothing.
    fn ground(&self, texts: &Texts) -> Option<String> {
        let shapes = ["rect", "circle", "ellipse", "line", "polyline", "polygon", "path", "image", "use"];
        let more = self.group.descendants().any(|n| n.is_element() && shapes.contains(&n.tag_name().name()));
        (more && !texts.is_empty()).then(|| self.body(texts, |_| String::new()))
    }

    fn divided(&self, texts: &Texts, motion: &Motion, split: Split) -> Result<Vec<Piece>, Error> {
        let stagger = self.number("data-stagger", 0.06)?;
        let mut pieces: Vec<Piece> = Vec::new();
        // What is not text comes with the first piece, or, beneath a text that is written, by itself.
        if split == Split::Typed
            && let Some(body) = self.ground(texts)
        {
            let still = Motion { enter: None, leave: None, ..motion.clone() };
            let (id, ground) = (format!("{}.0", self.id), None);
            pieces.push(Piece { id, body, ground, motion: still, mask: None, letters: vec![], texts: vec![] });
        }
        let letters: usize = texts.iter().flat_map(|(_, p)| &p.block.lines).map(|l| l.steps.len()).sum();
        let mut written = 0;
        let mut count = 0;
        for (which, (_, placed)) in texts.iter().enumerate() {
            for (l, line) in placed.block.lines.iter().enumerate() {
                let words: Vec<Range<usize>> = match split {
                    Split::Word => (0..line.words.len()).map(|w| w..w + 1).collect(),
                    _ => std::iter::once(0..line.words.len()).collect(),
                };
                for word in words {
                    let with_rest = count == 0 && split != Split::Typed;
                    let drawn = placed.drawn_words(l, word);
                    let body = self.only_text(texts, which, with_rest, drawn);
                    let mut motion = motion.clone();
                    if split == Split::Typed {
                        let share = |n: usize| n as f64 / letters.max(1) as f64;
                        let (before, own) = (share(written), share(line.steps.len()));
                        let part = |a: &mut Option<Animation>| {
                            a.as_mut().map_or(0.0, |a| {
                                let all = a.seconds;
                                a.seconds = (all * own).max(0.01);
                                all * before
                            })
                        };
                        motion.start = (motion.start + part(&mut motion.enter)).min(motion.end);
                        // Going, the last line is unwritten first.
                        let wait = part(&mut motion.leave);
                        motion.end -= wait;
                        written += line.steps.len();
                    } else {
                        motion.start = (motion.start + stagger * count as f64).min(motion.end);
                    }
                    let (baseline, block) = (placed.origins[l].1, &placed.block);
                    count += 1;
                    pieces.push(Piece {
                        id: format!("{}.{}.{count}", self.id, l + 1),
                        body,
                        ground: if with_rest { self.ground(texts) } else { None },
                        motion,
                        mask: Some((baseline - block.line_height * 0.86, baseline + block.descent * 1.25)),
                        letters: if split == Split::Typed { placed.letters(l, self.scope.rtl) } else { Vec::new() },
                        texts: placed.mark(l..l + 1).into_iter().collect(),
                    });
                }
            }
        }
        Ok(pieces)
    }

    /// The group once for each number that is shown on the way.
    fn counting(&self, motion: &Motion) -> Result<Vec<Piece>, Error> {
        let Some(mut enter) = motion.enter else { return Ok(Vec::new()) };
        let there = motion.end - motion.start - motion.leave.map_or(0.0, |a| a.seconds);
        // A wrong number must not be what stays: where there is little time it is the right one from the start.
        enter.seconds = if there < LEAST_TO_COUNT { 0.0 } else { enter.seconds.min(there * MOST_OF_IT) };
        let full = self.texts(|_| Ok(Override::default()))?;
        let mut numbers = Vec::new();
        for (_, placed) in &full {
            numbers.push(Number::find(&placed.text).map_err(|e| self.wrong(self.group, &e))?);
        }
        let distinct = numbers.iter().map(Number::distinct).max().unwrap_or_default();
        let steps = (enter.seconds * COUNTS_A_SECOND).min(MOST_COUNTS).min(distinct as f64).max(1.0).floor() as usize;
        let from = match self.group.attribute("data-from") {
            Some(_) => self.number("data-from", 0.0)?,
            None => 0.0,
        };
        let value = distinct.max(1) as f64;
        let mut pieces = Vec::new();
        let mut start_of_full = motion.start + enter.seconds;
        for step in 0..steps {
            let time = step as f64 / steps as f64;
            let eased = enter.ease.at(time);
            // Eases linger at the end, and one cent less is another price.
            if eased > AS_GOOD_AS_THERE || enter.seconds <= 0.0 {
                start_of_full = motion.start + enter.seconds * time;
                break;
            }
            let part = (from / value).min(1.0) + (1.0 - (from / value).min(1.0)) * eased;
            let which = std::cell::Cell::new(0);
            let texts = self.texts(|_| {
                let i = which.replace(which.get() + 1);
                Ok(Override { text: Some(numbers[i].at(part)), size: Some(full[i].1.block.size) })
            })?;
            let start = motion.start + enter.seconds * time;
            let end = (motion.start + enter.seconds * (step + 1) as f64 / steps as f64).min(motion.end);
            if end > start {
                let motion = Motion { start, end, enter: None, leave: None, ..motion.clone() };
                let mut piece = self.whole(&texts, motion);
                piece.id = format!("{}.{}", self.id, step + 1);
                pieces.push(piece);
            }
        }
        if motion.end > start_of_full {
            pieces.push(self.whole(&full, Motion { start: start_of_full, enter: None, ..motion.clone() }));
        }
        Ok(pieces)
    }

    /// The group's source with every text replaced.
    fn body(&self, texts: &Texts, drawn: impl Fn(&Placed) -> String) -> String {
        let range = self.group.range();
        let mut out = String::new();
        let mut at = range.start;
        for (text, placed) in texts {
            out.push_str(&self.svg[at..text.start]);
            let _ = write!(out, "<g{}>{}</g>", placed.style, drawn(placed));
            at = text.end;
        }
        out.push_str(&self.svg[at..range.end]);
        out
    }

    /// The group with one piece of one text; what else is in it goes with the first piece.
    fn only_text(&self, texts: &Texts, which: usize, with_rest: bool, drawn: String) -> String {
        if with_rest {
            let kept = std::cell::Cell::new(0);
            return self.body(texts, |_| {
                let i = kept.replace(kept.get() + 1);
                if i == which { drawn.clone() } else { String::new() }
            });
        }
        // Groups between this one and the text may carry a transform or a style.
        let mut open = String::new();
        let mut depth = 1;
        push_group(&mut open, self.group);
        let text = self.group.descendants().find(|n| n.range() == texts[which].0);
        let mut inner: Vec<Node<'_, '_>> =
            text.into_iter().flat_map(|t| t.ancestors().skip(1)).take_while(|a| *a != self.group).collect();
        inner.reverse();
        for group in inner {
            push_group(&mut open, group);
            depth += 1;
        }
        format!("{open}<g{}>{drawn}</g>{}", texts[which].1.style, "</g>".repeat(depth))
    }

    /// When the group is there and how it moves; `None` when its part of the ad does not exist.
    fn motion(&self) -> Result<Option<Motion>, Error> {
        let timeline = self.scope.timeline;
        let part = self.group.attribute("data-scene").unwrap_or("all");
        let (from, to) = match part {
            "all" => (0.0, timeline.seconds),
            "scenes" => (0.0, timeline.scenes_end()),
            "end-card" => match timeline.end_card() {
                Some(card) => (card.start, card.end),
                None => return Ok(None),
            },
            _ => {
                let number = part.strip_prefix("scene:").and_then(|n| n.parse::<usize>().ok());
                let Some(number) = number else {
                    let what = format!("data-scene is `{part}`; expected all, scenes, scene:NUMBER or end-card");
                    return Err(self.wrong(self.group, &what));
                };
                match timeline.parts.iter().find(|p| p.kind == PartKind::Scene(number.wrapping_sub(1))) {
                    Some(p) => (p.start, p.end),
                    None => return Ok(None),
                }
            }
        };
        let wrong = |e: String| self.wrong(self.group, &e);
        let time = |name: &str, usual: f64| {
            self.group.attribute(name).map_or(Ok(usual), |text| parse_time(text, to - from).map_err(wrong))
        };
        let words = Words {
            from: self.group.attribute("data-from"),
            easing: self.group.attribute("data-easing"),
            rtl: self.scope.rtl,
        };
        let animation =
            |name: &str| self.group.attribute(name).map_or(Ok(None), |t| parse_animation(t, words).map_err(wrong));
        let (start, end) = (from + time("data-start", 0.0)?, from + time("data-end", to - from)?);
        Ok((end > start).then_some(Motion {
            start,
            end,
            enter: animation("data-in")?,
            leave: animation("data-out")?,
            idle: self.group.attribute("data-motion").map_or(Ok(None), |t| parse_idle(t).map_err(wrong))?,
            distance: self.number("data-distance", 60.0)? as f32,
        }))
    }

    fn number(&self, name: &str, usual: f64) -> Result<f64, Error> {
        number(self.group, name).map(|v| v.unwrap_or(usual)).map_err(|e| self.wrong(self.group, &e))
    }

    fn wrong(&self, node: Node<'_, '_>, message: &str) -> Error {
        self.scope.wrong(format!("layer {}, {}: {message}", self.id, place(node)))
    }
}

fn push_group(out: &mut String, group: Node<'_, '_>) {
    out.push_str("<g");
    for a in group.attributes().filter(|a| a.namespace().is_none()) {
        push_attribute(out, a.name(), a.value());
    }
    out.push('>');
}
