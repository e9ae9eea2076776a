//! Stacks over time, for the Firefox Profiler: <https://profiler.firefox.com>, "Load a profile from file".
//! The page works on the file in the browser and sends it nowhere.
//!
//! Each thread that had faults is a track. Its samples are faults at the moment at which they were over,
//! weighted with what `--weight` says. The costliest faults are markers with address and region, and so are
//! phases of the recording. Stacks read as in the flame graph, callers, class and cause, memory, and have
//! the colour of their class. The height of a track, which the Profiler takes for use of the CPU, is the
//! share of time that the thread was stalled.
//!
//! A file is bounded: of samples ([`SAMPLES`]) by adding up the faults of one stack that lie within a stretch
//! of time, of markers ([`MARKERS`]) by leaving out cheap faults. Both is said, in the file too.
//!
//! The crate that knows the format takes weights as whole numbers and has no place for remarks, so both are
//! put in afterwards. It writes version 55 of the format, which newer readers convert; it knows no lines of
//! source files: those are in the profile for [`pprof`](super::pprof).

mod markers;
mod samples;
mod threads;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use fxprof_processed_profile::{
    CategoryColor, CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, Profile,
    ReferenceTimestamp, SamplingInterval, StackHandle, Timestamp, WeightType,
};
use pfmodel::names::Class;
use serde_json::{Value, json};

use super::{Names, Sites, Weight, describe};
use crate::load::Loaded;
use crate::names::chains::{Frame as Named, Role};
use crate::outputs::flamegraph::NAME_CHARACTERS;
use crate::print::units::{count, counted, duration};
use samples::{Sample, Samples};
use threads::Threads;

/// Most samples of a profile.
pub const SAMPLES: usize = 200_000;

/// Most faults of a profile that are markers.
pub const MARKERS: usize = 20_000;

/// Frame of samples whose stack was left out.
const OTHER_STACKS: &str = "[other stacks]";

/// Samples are no closer than the Profiler can zoom in, nanoseconds.
const LEAST_INTERVAL_NS: u64 = 1_000;

/// Writes the profile, compressed, and returns what it does not show, in sentences.
///
/// # Errors
/// Those of `out`.
pub fn write(
    loaded: &Loaded,
    sites: &Sites,
    weight: Weight,
    out: impl Write,
) -> io::Result<Vec<String>> {
    let (profile, notes) = profile(loaded, sites, weight, (SAMPLES, MARKERS))?;
    let mut out = BufWriter::new(GzEncoder::new(out, Compression::default()));
    serde_json::to_writer(&mut out, &profile)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.flush()?;
    Ok(notes)
}

/// The profile, with at most so many samples and markers, and what it does not show.
fn profile(
    loaded: &Loaded,
    sites: &Sites,
    weight: Weight,
    (most_samples, most_markers): (usize, usize),
) -> io::Result<(Value, Vec<String>)> {
    let threads = Threads::of(loaded);
    let samples = Samples::of(loaded, sites, &threads, weight, most_samples);
    let mut writer = Writer::new(loaded, sites, weight, &threads, samples.width_ns);
    for (number, sample) in samples.all.iter().enumerate() {
        writer.sample(number, sample);
    }
    let mut notes = samples.notes(weight);
    notes.extend(writer.markers(most_markers));
    let mut json = serde_json::to_value(&writer.profile)?;
    complete(&mut json, loaded, sites, weight, &samples.all, &notes);
    Ok((json, notes))
}

/// Puts in what the crate has no place for.
fn complete(
    json: &mut Value,
    loaded: &Loaded,
    sites: &Sites,
    weight: Weight,
    samples: &[Sample],
    notes: &[String],
) {
    let has_stalls = samples.iter().any(|sample| sample.stall_ns > 0);
    let threads = json.get_mut("threads").and_then(Value::as_array_mut);
    for thread in threads.into_iter().flatten() {
        let Some(table) = thread.get_mut("samples").and_then(Value::as_object_mut) else {
            continue;
        };
        // What the crate wrote as weights are numbers of samples.
        let numbers = table.get("weight").and_then(Value::as_array).cloned().unwrap_or_default();
        let samples = || {
            let numbers =
                numbers.iter().filter_map(|number| usize::try_from(number.as_u64()?).ok());
            numbers.filter_map(|number| samples.get(number))
        };
        let weights: Vec<Value> = samples().map(|sample| in_units(weight, sample.weight)).collect();
        table.insert("weight".to_owned(), weights.into());
        if has_stalls {
            let stalls: Vec<f64> = samples().map(|sample| sample.stall_ns as f64 / 1e3).collect();
            table.insert("threadCPUDelta".to_owned(), stalls.into());
        } else {
            table.remove("threadCPUDelta");
        }
    }
    if let Some(meta) = json.get_mut("meta").and_then(Value::as_object_mut) {
        let mut remarks = describe::comments(loaded, sites, weight);
        remarks.extend(notes.iter().map(|note| ("note".to_owned(), note.clone())));
        if has_stalls {
            let text = "share of time that the thread was stalled by page faults";
            remarks.push(("CPU".to_owned(), text.to_owned()));
        }
        let entries = remarks
            .into_iter()
            .map(|(label, text)| json!({ "label": label, "format": "string", "value": text }));
        let entries: Vec<Value> = entries.collect();
        meta.insert("extra".to_owned(), json!([{ "label": "Page faults", "entries": entries }]));
        meta.insert("profilingStartTime".to_owned(), json!(0.0));
        let end_ms = loaded.analysis.duration_ns as f64 / 1e6;
        meta.insert("profilingEndTime".to_owned(), json!(end_ms));
    }
}

/// A weight as the Profiler counts: time in milliseconds.
fn in_units(weight: Weight, value: u64) -> Value {
    match weight {
        Weight::Stall => json!(value as f64 / 1e6),
        Weight::Faults | Weight::Bytes => json!(value),
    }
}

fn at(ns: u64) -> Timestamp {
    Timestamp::from_nanos_since_reference(ns)
}

/// A profile under construction.
struct Writer<'a> {
    loaded: &'a Loaded,
    sites: &'a Sites,
    threads: &'a Threads,
    profile: Profile,
    handles: Vec<fxprof_processed_profile::ThreadHandle>,
    categories: Categories,
    names: Names<'a>,
    stacks: HashMap<(u32, Option<u32>), Option<StackHandle>>,
}

impl<'a> Writer<'a> {
    fn new(
        loaded: &'a Loaded,
        sites: &'a Sites,
        weight: Weight,
        threads: &'a Threads,
        width_ns: u64,
    ) -> Self {
        let start = Duration::from_nanos(loaded.header.start_realtime_ns);
        let mut profile = Profile::new(
            &format!("page faults of {}", loaded.name),
            ReferenceTimestamp::from_duration_since_unix_epoch(start),
            SamplingInterval::from_nanos(width_ns.max(LEAST_INTERVAL_NS)),
        );
        // Names are in place: nothing is left to look up.
        profile.set_symbolicated(true);
        let categories = Categories::new(&mut profile);
        let handles = threads.add_to(&mut profile, loaded);
        for &handle in &handles {
            profile.set_thread_samples_weight_type(
                handle,
                match weight {
                    Weight::Faults => WeightType::Samples,
                    Weight::Stall => WeightType::TracingMs,
                    Weight::Bytes => WeightType::Bytes,
                },
            );
        }
        let names = Names::new(&loaded.analysis, NAME_CHARACTERS, sites.has_chains);
        Self { loaded, sites, threads, profile, handles, categories, names, stacks: HashMap::new() }
    }

    fn sample(&mut self, number: usize, sample: &Sample) {
        let Some(&thread) = self.handles.get(sample.thread as usize) else { return };
        let stack = match sample.kind {
            samples::Kind::Start => None,
            samples::Kind::Site(site) => self.stack(sample.thread, Some(site)),
            samples::Kind::Others => self.stack(sample.thread, None),
        };
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        self.profile.add_sample(thread, at(sample.time_ns), stack, CpuDelta::ZERO, number);
    }

    /// The stack of a site, or that of all other sites.
    fn stack(&mut self, thread: u32, site: Option<u32>) -> Option<StackHandle> {
        if let Some(&known) = self.stacks.get(&(thread, site)) {
            return known;
        }
        let handle = *self.handles.get(thread as usize)?;
        let frames = match site.and_then(|site| self.sites.all.get(site as usize)) {
            Some((site, _)) => self.names.stack(site),
            None => vec![Named::new(OTHER_STACKS, Role::Gap)],
        };
        let class = frames.iter().find_map(|frame| match frame.role {
            Role::Class(class) => Some(class),
            _ => None,
        });
        let mut infos = Vec::with_capacity(frames.len());
        // The process has a track of its own.
        for frame in frames.iter().filter(|frame| frame.role != Role::Process) {
            infos.push(FrameInfo {
                frame: Frame::Label(self.profile.intern_string(&frame.name)),
                category_pair: self.categories.of(frame.role, class).into(),
                flags: FrameFlags::empty(),
            });
        }
        let stack = self.profile.intern_stack_frames(handle, infos.into_iter());
        self.stacks.insert((thread, site), stack);
        stack
    }
}

/// What colours stand for.
#[derive(Debug, Clone, Copy)]
struct Categories {
    user: CategoryHandle,
    kernel: CategoryHandle,
    minor: CategoryHandle,
    major: CategoryHandle,
    cow: CategoryHandle,
    failed: CategoryHandle,
    unknown: CategoryHandle,
}

impl Categories {
    fn new(profile: &mut Profile) -> Self {
        Self {
            user: profile.add_category("user code", CategoryColor::Yellow),
            kernel: profile.add_category("kernel", CategoryColor::Purple),
            minor: profile.add_category("minor", CategoryColor::LightBlue),
            major: profile.add_category("major", CategoryColor::Orange),
            cow: profile.add_category("cow", CategoryColor::Green),
            failed: profile.add_category("failed", CategoryColor::Magenta),
            unknown: profile.add_category("unknown", CategoryColor::Gray),
        }
    }

    const fn class(&self, class: Class) -> CategoryHandle {
        match class {
            Class::Minor => self.minor,
            Class::Major => self.major,
            Class::Cow => self.cow,
            Class::Failed => self.failed,
            Class::Unknown => self.unknown,
        }
    }

    /// Of a frame in a stack of faults of a class: the innermost frame colours the track.
    fn of(&self, role: Role, class: Option<Class>) -> CategoryHandle {
        match (role, class) {
            (Role::Class(class), _) | (Role::Region, Some(class)) => self.class(class),
            (Role::User, _) => self.user,
            (Role::Kernel, _) => self.kernel,
            _ => CategoryHandle::OTHER,
        }
    }
}

#[cfg(test)]
mod tests;
