//! How loud sound is, after ITU-R BS.1770 and EBU R128, measured by FFmpeg's `ebur128`.

use std::collections::BTreeMap;

use crate::audio::AudioClip;
use crate::error::Result;

/// How loud a clip is, after ITU-R BS.1770.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Integrated loudness in LUFS; `None` when it is silent (below the gate of -70 LUFS).
    pub integrated_lufs: Option<f64>,
    /// Highest true peak in dBTP.
    pub true_peak_db: f64,
}

/// Loudness over time, one value for every 100 ms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoudnessCurve {
    /// Over the last 400 ms, in LUFS.
    pub momentary: Vec<f64>,
    /// Over the last 3 s, in LUFS; of less than that in the beginning.
    pub short_term: Vec<f64>,
    /// Loudness range (EBU Tech 3342), in LU.
    pub range_lu: f64,
}

/// What an interval without sound reads as.
const SILENCE_LUFS: f64 = -70.0;

impl LoudnessCurve {
    /// Seconds from one value to the next.
    pub const STEP: f64 = 0.1;

    /// The loudest three seconds, in LUFS.
    #[must_use]
    pub fn max_short_term(&self) -> f64 {
        self.short_term.iter().copied().fold(SILENCE_LUFS, f64::max)
    }

    /// The loudest 400 ms, in LUFS.
    #[must_use]
    pub fn max_momentary(&self) -> f64 {
        self.momentary.iter().copied().fold(SILENCE_LUFS, f64::max)
    }
}

/// Both of a clip.
pub(crate) type Measured = (Loudness, LoudnessCurve);

impl AudioClip {
    /// Measures it.
    ///
    /// # Errors
    /// When FFmpeg lacks the `ebur128` filter.
    pub fn loudness(&self) -> Result<Loudness> {
        Ok(self.measure()?.0)
    }

    /// Measures it over time.
    ///
    /// # Errors
    /// When FFmpeg lacks the `ebur128` filter.
    pub fn loudness_curve(&self) -> Result<LoudnessCurve> {
        Ok(self.measure()?.1.clone())
    }

    /// Both in one pass over the samples, once for all copies of the clip.
    fn measure(&self) -> Result<&Measured> {
        if let Some(measured) = self.measured.get() {
            return Ok(measured);
        }
        let (mut values, mut curve) = (BTreeMap::new(), LoudnessCurve::default());
        // The meter works in steps of 100 ms; without the padding it would miss the last one.
        let spec = "apad=pad_dur=0.1,ebur128=peak=true:metadata=1";
        Self::run(spec, &[("in", self)], &mut |key, value| {
            let number = value.parse::<f64>().ok();
            let level = number.filter(|v| v.is_finite()).unwrap_or(SILENCE_LUFS).max(SILENCE_LUFS);
            match key {
                "lavfi.r128.M" => curve.momentary.push(level),
                "lavfi.r128.S" => curve.short_term.push(level),
                "lavfi.r128.LRA" => curve.range_lu = level.max(0.0),
                _ => drop(values.insert(key.to_owned(), number)),
            }
        })?;
        let value = |key: &str| values.get(key).copied().flatten();
        let peak = ["lavfi.r128.true_peaks_ch0", "lavfi.r128.true_peaks_ch1"]
            .into_iter()
            .filter_map(value)
            .fold(0.0_f64, f64::max);
        let loudness = Loudness {
            integrated_lufs: value("lavfi.r128.I").filter(|i| *i > SILENCE_LUFS),
            true_peak_db: if peak > 0.0 { 20.0 * peak.log10() } else { f64::NEG_INFINITY },
        };
        Ok(self.measured.get_or_init(|| (loudness, curve)))
    }
}
