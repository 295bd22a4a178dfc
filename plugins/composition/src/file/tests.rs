use spotloom_media::{Frame, FrameFormat, Mezzanine, Pixel, WriteOptions, Writer};

use std::sync::{Arc, Mutex};

use super::*;
use crate::Composer;
use crate::motion::{Animation, Ease, Effect, Idle};
use crate::picture::reel::Reels;
use crate::timeline::{Part, TransitionKind};

/// Two scenes over one clip each, and two layers: one that moves, one that is written and is a shade.
fn composition() -> Composition {
    let part = |kind, start: f64, end: f64| Part {
        kind,
        start,
        end,
        transition: TransitionKind::Fade,
        transition_seconds: if start > 0.0 { 0.4 } else { 0.0 },
    };
    let layer = |seed: u8, left: i32| {
        let rgba: Vec<u8> = (0..16 * 8).flat_map(|i: u32| [(i as u8).wrapping_mul(seed) / 2, 40, 90, 160]).collect();
        DrawnLayer {
            motion: Motion {
                start: 0.1,
                end: 1.7,
                enter: Some(Animation { effect: Effect::Fade, seconds: 0.3, ease: Ease::OutBack }),
                leave: None,
                idle: Some(Idle::Float { distance: 3.0, period: 1.1 }),
                distance: 20.0,
            },
            sprite: Sprite::from_premultiplied(left, 6, 16, 8, &rgba),
            resting: [left as f32, 6.0, left as f32 + 16.0, 14.0],
            unit: 0.3,
            letters: vec![10.5, 20.25],
            covers: false,
            shade: (seed > 1).then(|| Shade { least: 0.2, keys: vec![(0.3, 0.7), (1.2, 1.0)] }),
        }
    };
    Composition {
        width: 64,
        height: 36,
        timeline: Timeline {
            fps: (30_000, 1001),
            frames: 60,
            seconds: 2.002,
            parts: vec![part(PartKind::Scene(0), 0.0, 1.0), part(PartKind::Scene(1), 1.0, 2.002)],
        },
        clips: ["aa", "bb"].map(|hash| ClipMark { sha256: hash.repeat(32) }).to_vec(),
        layers: vec![layer(1, 4), layer(3, 30)],
        push: vec![0.06, 0.0],
        subjects: vec![Some(Subject::from_middles(vec![[0.25, 0.5], [1.0 / 3.0, 0.5]])), None],
        grain: 0.08,
        dip: [16, 128, 128],
        rtl: true,
        background: EndCardBackground::Blur,
    }
}

/// Two clips of 40 frames, and what is painted of a composition with them.
fn frames(composition: Composition, folder: &Path, reels: &Arc<Mutex<Reels>>) -> Vec<Vec<u8>> {
    let format = FrameFormat::new(96, 96, Pixel::Yuv420p);
    let clips: Vec<_> = [60_u8, 170]
        .map(|luma| {
            let path = folder.join(format!("{luma}.mkv"));
            let options = WriteOptions { codec: Mezzanine::Lossless, format, fps: (25, 1), threads: 1 };
            let mut writer = Writer::create(&path, options).unwrap();
            for number in 0..40 {
                let plane = |n: usize, v: u8| (0..n).map(|i| v.wrapping_add((i % 31) as u8 + number)).collect();
                let planes = vec![plane(96 * 96, luma), plane(48 * 48, 120), plane(48 * 48, 110)];
                writer.write(&Frame::from_planes(format, planes).unwrap()).unwrap();
            }
            writer.finish().unwrap();
            path
        })
        .to_vec();
    let numbers = 0..composition.timeline.frames;
    let mut frame = Frame::new(FrameFormat::new(64, 36, Pixel::Yuv420p));
    let mut composer = Composer::new(composition, clips, 2).with_reels(Arc::clone(reels));
    let paint = |number| {
        composer.paint(number, &mut frame).unwrap();
        (0..3).flat_map(|i| frame.plane(i).to_vec()).collect()
    };
    numbers.map(paint).collect()
}

#[test]
fn what_is_read_back_gives_the_same_frames() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    composition().write(&a).unwrap();
    composition().write(&b).unwrap();
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap(), "the same bytes");
    let frames = [composition(), Composition::read(&a).unwrap()].map(|c| frames(c, folder.path(), &Arc::default()));
    assert_eq!(frames[0].len(), 60);
    assert_ne!(frames[0][10], frames[0][40], "there is something to see");
    assert!(frames[0] == frames[1], "the same frames");
}

/// What the first aspect decoded is what the second shows, also where it shows other frames of it.
#[test]
fn kept_frames_are_the_decoded_ones() {
    let folder = tempfile::tempdir().unwrap();
    let reels = Arc::new(Mutex::new(Reels::default()));
    let hashes = ["aa", "bb"].map(|hash| hash.repeat(32));
    let check = |change: &dyn Fn(&mut Composition)| {
        let mut composition = composition();
        change(&mut composition);
        let alone = frames(composition.clone(), folder.path(), &Arc::default());
        assert!(frames(composition, folder.path(), &reels) == alone);
    };
    check(&|_| {});
    let has = |sha256: &String| reels.lock().unwrap().of(sha256, 1.0, 1).map(|reel| reel.has(10));
    assert_eq!(has(&hashes[0]), None, "none was begun");
    reels.lock().unwrap().begin(hashes.iter().map(String::as_str), folder.path());
    reels.lock().unwrap().set_spare(1 << 24);
    let first = reels.lock().unwrap().of(&hashes[1], 1.0, 1).unwrap();
    // At a fifth of the rate four of five frames are passed over; at twice the rate those between are made up.
    check(&|c| (c.timeline.fps, c.timeline.frames) = ((5, 1), 10));
    first.stop("half of it is enough");
    check(&|_| {});
    assert_eq!(has(&hashes[0]), Some(true));
    assert!(!first.has(11) && first.has(10), "kept before it was stopped, and not after");
    check(&|_| {});
    check(&|c| (c.timeline.fps, c.timeline.frames) = ((60, 1), 120));
    reels.lock().unwrap().only([hashes[1].as_str()]);
    assert_eq!(hashes.each_ref().map(has), [None, Some(true)]);
    check(&|_| {});
}

#[test]
fn a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("composition");
    composition().write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        assert!(Composition::read(&path).is_err(), "{what}");
    };
    for length in (0..whole.len()).step_by(7) {
        check(&whole[..length], "cut short");
    }
    // Whatever byte is wrong: an error or a composition, but no panic.
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        std::fs::write(&path, &bytes).unwrap();
        let _ = Composition::read(&path);
    }
    let with = |change: fn(&mut Composition)| {
        let mut changed = composition();
        change(&mut changed);
        changed.write(&path).unwrap();
        std::fs::read(&path).unwrap()
    };
    check(&with(|c| c.timeline.fps = (0, 1)), "no rate");
    check(&with(|c| c.timeline.parts[1].kind = PartKind::Scene(2)), "a clip that is not there");
    check(&with(|c| c.width = 63), "an odd side");
    check(&with(|c| c.timeline.parts.clear()), "no parts");
}

#[test]
fn other_clips_are_noticed() {
    let check = |hashes: &[&str], expected: Option<&str>| {
        let found = composition().expect_clips(hashes.iter().copied()).err().map(|e| e.to_string());
        assert_eq!(found.as_deref(), expected);
    };
    let [a, b] = ["aa", "bb"].map(|hash| hash.repeat(32));
    check(&[&a, &b], None);
    check(&[&a], Some("the composition was made of 2 clips and 1 is given"));
    check(
        &[&a, &a],
        Some("clip 2 is not the one the composition was made of (its hash begins with aaaaaaaaaaaa, not bbbbbbbbbbbb)"),
    );
}
