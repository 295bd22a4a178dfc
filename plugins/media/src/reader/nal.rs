//! What an H.264 or HEVC packet is made of: whether decoding can begin with it, and whether others need what it brings.
//!
//! Sources: ITU-T H.264 (08/2021) table 7-1 and annex B, ITU-T H.265 (09/2023) table 7-1; ISO/IEC 14496-15 for units behind
//! their length.

/// The NAL units of a packet, as far as they matter to whoever leaves packets out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// An IDR picture: nothing behind it is made from anything before it.
    pub begins_anew: bool,
    /// Parameter sets, which hold until others of their kind come: a bit for each kind.
    pub parameters: u8,
}

/// Looks at a packet; `None` where it can't be read.
pub(super) fn units(codec: &str, data: &[u8]) -> Option<Units> {
    let all = lengths(data).or_else(|| start_codes(data))?;
    let (kind, coded, idr, parameters): (fn(u8) -> u8, _, _, _) = match codec {
        "h264" => (|header| header & 0x1f, 1..=5, 5..=5, 7..=8),
        "hevc" => (|header| header >> 1 & 0x3f, 0..=31, 19..=20, 32..=34),
        _ => return None,
    };
    let kinds = || all.iter().map(|header| kind(*header));
    let picture = kinds().find(|kind| coded.contains(kind))?;
    let sets =
        kinds().filter(|kind| parameters.contains(kind)).fold(0, |all, kind| all | 1 << (kind - parameters.start()));
    Some(Units { begins_anew: idr.contains(&picture), parameters: sets })
}

/// The first byte of each unit behind its length of four bytes, as MP4 and Matroska have them.
fn lengths(mut data: &[u8]) -> Option<Vec<u8>> {
    let mut headers = Vec::new();
    while !data.is_empty() {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let (unit, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        headers.push(*unit.first()?);
        data = rest;
    }
    Some(headers)
}

/// The first byte of each unit behind a start code, as transport streams have them.
fn start_codes(data: &[u8]) -> Option<Vec<u8>> {
    if !(data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])) {
        return None;
    }
    Some(data.windows(4).filter(|window| window.starts_with(&[0, 0, 1])).map(|window| window[3]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_say_whether_decoding_can_begin_with_them() {
        fn check(codec: &str, data: &[u8], expected: Option<(bool, u8)>) {
            let expected = expected.map(|(begins_anew, parameters)| Units { begins_anew, parameters });
            assert_eq!(units(codec, data), expected, "{codec} {data:02x?}");
        }
        // Behind their length: SEI and IDR; SPS, PPS and IDR; a picture made from others; one of 257 bytes.
        check("h264", &[0, 0, 0, 2, 0x06, 0x80, 0, 0, 0, 1, 0x65], Some((true, 0)));
        check("h264", &[0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65], Some((true, 0b11)));
        check("h264", &[0, 0, 0, 1, 0x41], Some((false, 0)));
        check("h264", &[&[0, 0, 1, 1, 0x65][..], &[9; 256]].concat(), Some((true, 0)));
        // Behind start codes of three and four bytes.
        check("h264", &[0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x67, 7, 0, 0, 1, 0x65, 1, 2], Some((true, 0b1)));
        check("h264", &[0, 0, 1, 0x06, 1, 0, 0, 1, 0x01, 1], Some((false, 0)));
        // HEVC: IDR_W_RADL; CRA, behind which pictures may come that need what was before; TRAIL_R.
        check("hevc", &[0, 0, 0, 2, 0x26, 1], Some((true, 0)));
        check("hevc", &[0, 0, 0, 2, 0x40, 1, 0, 0, 0, 2, 0x2a, 1], Some((false, 0b1)));
        check("hevc", &[0, 0, 0, 2, 0x02, 1], Some((false, 0)));
        // Cut off, no picture in it, another codec.
        check("h264", &[0, 0, 0, 9, 0x65], None);
        check("h264", &[0, 0, 0, 1, 0x67], None);
        check("h264", &[], None);
        check("mpeg4", &[0, 0, 1, 0xb6], None);
    }
}
