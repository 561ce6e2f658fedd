//! `make bench-live`: how far behind its room hls.js in Chromium shows the live edge of a running recording.
//!
//! `live_edge SECONDS`. Ends with status 1 when a target was missed or playback stalled.

use std::process::ExitCode;
use tureen_e2e::latency;

/// Parts in milliseconds, the player's configuration, and the targets in seconds: median, and of 95 %.
const CASES: [(u32, &str, f64, Option<f64>); 2] = [
    (500, "{}", 3.0, Some(3.5)),
    (200, r#"{"liveSyncDuration":0.4,"maxLiveSyncPlaybackRate":1.5}"#, 1.5, None),
];

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut held = true;
    println!(
        "{:>6}  {:>8}  {:>7}  {:>7}  {:>7}  {:>7}  stalls  hls.js",
        "parts", "pictures", "median", "95 %", "most", "unread"
    );
    for (part_ms, config, median, most) in CASES {
        let seen = latency::watch(part_ms, config, seconds).await;
        if seen.behind.is_empty() {
            println!("{part_ms:>4} ms  nothing was shown: {}", seen.report);
            held = false;
            continue;
        }
        let (half, nearly_all) = (seen.quantile(0.5), seen.quantile(0.95));
        let own = seen.report["hlsLatency"].as_f64().unwrap_or(f64::NAN);
        println!(
            "{part_ms:>4} ms  {:>8}  {half:>5.2} s  {nearly_all:>5.2} s  {:>5.2} s  {:>7}  {:>6}  {own:.2} s  {config}",
            seen.behind.len(),
            seen.quantile(1.0),
            seen.unread,
            seen.stalls.len(),
        );
        let ok = half < median && most.is_none_or(|most| nearly_all < most) && seen.stalls.is_empty();
        if !ok {
            println!(
                "        MISSED: asked for a median below {median} s, 95 % below {most:?}, no stall: {:?}",
                seen.stalls
            );
            println!("        errors: {}", seen.report["errors"]);
        }
        held &= ok;
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
