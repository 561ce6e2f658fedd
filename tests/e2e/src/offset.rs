//! Flash and beep: how far picture and sound are apart, measured from the decoded files.
//!
//! The fixtures flash and beep at the same instant of each second (fixtures/README.md). FFmpeg decodes, and says for
//! each picture how bright the bar of the flash is, and for each 2.5 ms of sound how loud. It is told to keep the
//! files' own times, which are ticks of the recording.

use std::path::Path;
use std::process::Command;

/// The flash is white (235), the ground below 100.
const LIT: f64 = 150.0;
/// The beep is at -9 dB, the tone between beeps at -50 dB.
const LOUD: f64 = -25.0;
/// A beep in what is so soon after the beginning may have begun before.
const BEGINNING: f64 = 0.1;

/// When each flash begins, in seconds of the recording.
#[must_use]
pub fn flashes(file: &Path) -> Vec<f64> {
    let filter = "crop=iw:ih/9:0:ih*7/18,signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-";
    let pictures = values(&["-vf", filter, "-an"], file);
    let mut dark = true;
    let mut found = Vec::new();
    for (at, luma) in pictures {
        if dark && luma > LIT {
            found.push(at);
        }
        dark = luma <= LIT;
    }
    found
}

/// When each beep begins, in seconds of the recording.
#[must_use]
pub fn beeps(file: &Path) -> Vec<f64> {
    let filter = "asetnsamples=n=120:p=0,astats=metadata=1:reset=1,\
                  ametadata=mode=print:key=lavfi.astats.Overall.RMS_level:file=-";
    let levels = values(&["-af", filter, "-vn"], file);
    let first = levels.first().map_or(0.0, |(at, _)| *at);
    let mut quiet = true;
    let mut found = Vec::new();
    for (at, level) in levels {
        if quiet && level > LOUD && at > first + BEGINNING {
            found.push(at);
        }
        quiet = level <= LOUD;
    }
    found
}

/// What FFmpeg prints for each frame: its time and one value.
fn values(filter: &[&str], file: &Path) -> Vec<(f64, f64)> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-copyts", "-i"])
        .arg(file)
        .args(filter)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found = Vec::new();
    let mut at = None;
    for line in text.lines() {
        if let Some((_, time)) = line.split_once("pts_time:") {
            at = time.trim().parse::<f64>().ok();
        } else if let Some((_, value)) = line.split_once('=') {
            // Silence is -inf.
            let value = value.trim().parse::<f64>().unwrap_or(f64::NEG_INFINITY);
            found.extend(at.take().map(|at| (at, value)));
        }
    }
    found
}

/// How much later each beep is than the flash it belongs to, in milliseconds. Flashes without a beep near are left out.
#[must_use]
pub fn apart(flashes: &[f64], beeps: &[f64]) -> Vec<f64> {
    let nearest =
        |flash: &f64| beeps.iter().map(|beep| beep - flash).min_by(|a, b| a.abs().total_cmp(&b.abs()));
    flashes.iter().filter_map(nearest).filter(|step| step.abs() < 0.5).map(|step| step * 1000.0).collect()
}

/// The value that a share of all, by their size without sign, does not exceed.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let last = sizes.len().checked_sub(1).expect("something to measure");
    sizes[(last as f64 * share).ceil() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_from_the_flash_to_its_beep() {
        let steps = apart(&[1.0, 2.0, 3.0, 9.0], &[1.01, 2.98, 2.02, 5.0]);
        let rounded: Vec<i64> = steps.iter().map(|step| step.round() as i64).collect();
        assert_eq!(rounded, [10, 20, -20]);
        assert!((quantile(&steps, 1.0) - 20.0).abs() < 0.1);
        assert!((quantile(&steps, 0.0) - 10.0).abs() < 0.1);
    }

    #[test]
    fn the_fixtures_flash_and_beep_each_second() {
        let fixture = |name| crate::readers::root().join("fixtures").join(name);
        let whole = |times: &[f64]| times.iter().all(|at| (at - at.round()).abs() < 0.012);
        let flashes = flashes(&fixture("vp9.ivf"));
        assert!(flashes.len() == 10 && whole(&flashes), "{flashes:?}");
        let beeps = beeps(&fixture("opus.ogg"));
        assert!(beeps.len() == 9 && whole(&beeps), "{beeps:?}");
    }
}
