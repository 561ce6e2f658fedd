//! CPU time of processes, from the kernel.

use anyhow::{Context, Result};
use std::time::Duration;
use tokio::time::Instant;

/// Linux gives times to programs in hundredths of a second on every architecture we build for (time(7), `USER_HZ`).
const TICK: f64 = 0.01;

/// CPU seconds that the processes took, all threads and ended children included, in a window of about `length` that
/// begins after `settle`; and the true length of the window in seconds.
pub async fn during(pids: &[u32], settle: Duration, length: Duration) -> Result<(f64, f64)> {
    tokio::time::sleep(settle).await;
    let (before, began) = (total(pids)?, Instant::now());
    tokio::time::sleep(length).await;
    let (after, ended) = (total(pids)?, Instant::now());
    Ok((after - before, (ended - began).as_secs_f64()))
}

/// CPU seconds that these processes took so far.
///
/// # Errors
/// If one has ended.
pub fn total(pids: &[u32]) -> Result<f64> {
    pids.iter().map(|pid| of(*pid)).sum()
}

fn of(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("a recording process ended")?;
    // proc_pid_stat(5): the second field is a name that may hold spaces; utime, stime, cutime and cstime are the
    // fields 14 to 17.
    let (_, rest) = stat.rsplit_once(')').context("a stat line has a name")?;
    let ticks: Vec<u64> =
        rest.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 * TICK)
}

/// The one in the middle; of an even number the mean of both.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
