//! How much memory a process takes, as Linux counts it.

use anyhow::{Context, Result};

/// The most that a process (`self`, or its id) had in memory at once, in kB.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn peak_kb(process: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = peak.and_then(|peak| peak.split_whitespace().next()).context("no VmHWM")?;
    Ok(kb.parse()?)
}
