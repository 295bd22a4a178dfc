use super::*;

fn motion(enter: &str, leave: &str, rtl: bool) -> Motion {
    Motion {
        start: 1.0,
        end: 5.0,
        enter: parse_animation(enter, Words { rtl, ..Words::default() }).unwrap(),
        leave: parse_animation(leave, Words { rtl, ..Words::default() }).unwrap(),
        idle: None,
        distance: 60.0,
    }
}

#[test]
fn a_layer_is_there_from_its_start_until_before_its_end() {
    let m = motion("none", "none", false);
    for (t, there) in [(0.0, false), (1.0, true), (4.99, true), (5.0, false)] {
        assert_eq!(m.pose(t, 100.0, 50.0).is_some(), there, "{t}");
    }
    assert_eq!(m.pose(3.0, 100.0, 50.0), Some(Pose::REST));
}

#[test]
fn effects_start_away_and_arrive() {
    let check = |enter: &str, rtl: bool, first: Pose| {
        let m = motion(enter, "none", rtl);
        assert_eq!(m.pose(1.0, 100.0, 50.0), Some(first), "{enter}");
        assert_eq!(m.pose(1.7, 100.0, 50.0), Some(Pose::REST), "{enter}");
    };
    let rest = Pose::REST;
    check("fade 0.5", false, Pose { opacity: 0.0, ..rest });
    check("slide-up 0.5", false, Pose { opacity: 0.0, offset: (0.0, 60.0), ..rest });
    check("slide-ahead 0.5", false, Pose { opacity: 0.0, offset: (-60.0, 0.0), ..rest });
    check("slide-ahead 0.5", true, Pose { opacity: 0.0, offset: (60.0, 0.0), ..rest });
    check("rise 0.5", false, Pose { offset: (0.0, 50.0), inset: Some([0.0; 4]), ..rest });
    check("wipe-ahead 0.5", false, Pose { inset: Some([0.0, 0.0, 1.0, 0.0]), ..rest });
    check("wipe-ahead 0.5", true, Pose { inset: Some([1.0, 0.0, 0.0, 0.0]), ..rest });
    check("wipe-up 0.5", false, Pose { inset: Some([0.0, 1.0, 0.0, 0.0]), ..rest });
}

#[test]
fn leaving_carries_on_in_the_same_direction() {
    let m = motion("wipe-right 0.5", "wipe-right 0.5 linear", false);
    assert_eq!(m.pose(4.75, 100.0, 50.0).unwrap().inset, Some([0.5, 0.0, 0.0, 0.0]));
    let m = motion("slide-up 0.5", "slide-up 0.5 linear", false);
    assert_eq!(m.pose(4.75, 100.0, 50.0).unwrap().offset, (0.0, -30.0));
}

#[test]
fn times_count_from_either_end() {
    for (text, expected) in [("1.5", Ok(1.5)), ("end", Ok(4.0)), ("end-1", Ok(3.0)), ("9", Ok(4.0))] {
        assert_eq!(parse_time(text, 4.0), expected);
    }
    assert!(parse_time("soon", 4.0).is_err());
}
