//! Which FFmpeg there is, for recipes: another version of a filter may make another picture.

/// The version of libavfilter, such as `10.4.100`.
#[must_use]
pub fn filter_version() -> String {
    let version = ffmpeg_next::filter::version();
    format!("{}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_three_numbers() {
        let version = super::filter_version();
        assert!(version.split('.').filter(|part| part.parse::<u8>().is_ok()).count() == 3, "{version}");
    }
}
