//! A profile in the format of Chrome's traces, which `chrome://tracing` and Perfetto show.

use serde_json::{Value, json};

use super::Profile;
use super::timing::rounded;

/// One complete event a launch, one after another in the order of the plan, each as long as its median.
///
/// Source: "Trace Event Format", the JSON object format; times are microseconds.
pub fn trace(profile: &Profile, process: &str, thread: &str) -> Value {
    let mut events = vec![
        json!({ "ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": { "name": process } }),
        json!({ "ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": { "name": thread } }),
    ];
    let mut start = 0.0;
    for (place, launch) in profile.launches.iter().enumerate() {
        let duration = 1e3 * launch.milliseconds;
        let seconds = launch.milliseconds / 1e3;
        events.push(json!({
            "ph": "X", "pid": 1, "tid": 1, "name": launch.kernel, "cat": "launch", "ts": start, "dur": duration,
            "args": {
                "launch": place,
                "label": launch.label,
                "operations": launch.cost.operations,
                "bytes": launch.cost.bytes,
                "gflops": finite(launch.cost.operations as f64 / seconds / 1e9),
                "gbytes": finite(launch.cost.bytes as f64 / seconds / 1e9),
                "roofline": finite(launch.least / launch.milliseconds),
                "bound": launch.bound.as_str(),
            },
        }));
        start += duration;
    }
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

/// What JSON has no number for, where a launch took no time that the clock saw, is 0.
fn finite(value: f64) -> f64 {
    if value.is_finite() { rounded(value) } else { 0.0 }
}
