//! Metrics, and their text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

/// Names and values of labels, in order.
pub type Labels = Vec<(String, String)>;

/// A metric and its samples.
#[derive(Debug)]
pub struct Metric {
    /// Its name, with its unit.
    pub name: &'static str,
    /// What it is, without a full stop.
    pub help: &'static str,
    /// All of one kind.
    pub samples: Vec<(Labels, Value)>,
}

/// A sample.
#[derive(Debug, Clone)]
pub enum Value {
    /// How many.
    Count(u64),
    /// A sum of what is no number of things.
    Sum(f64),
    /// What may fall.
    Gauge(f64),
    /// How many up to each bound, without those up to the one before.
    Histogram { sum: f64, buckets: Vec<(f64, u64)> },
}

/// The unit that a name ends with.
const SECONDS: &str = "_seconds";

/// The document.
pub fn encode(metrics: Vec<Metric>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(All(metrics)));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode_registry(&mut text, &registry);
    text
}

#[derive(Debug)]
struct All(Vec<Metric>);

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Metric { name, help, samples } in &self.0 {
            let Some((_, first)) = samples.first() else { continue };
            let (name, unit) = match name.strip_suffix(SECONDS) {
                Some(name) => (name, Some(&Unit::Seconds)),
                None => (*name, None),
            };
            let mut family = encoder.encode_descriptor(name, help, unit, first.kind())?;
            for (labels, value) in samples {
                match labels.is_empty() {
                    true => value.encode(&mut family)?,
                    false => value.encode(&mut family.encode_family(labels)?)?,
                }
            }
        }
        Ok(())
    }
}

impl Value {
    const fn kind(&self) -> MetricType {
        match self {
            Self::Count(_) | Self::Sum(_) => MetricType::Counter,
            Self::Gauge(_) => MetricType::Gauge,
            Self::Histogram { .. } => MetricType::Histogram,
        }
    }

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        const NO_EXEMPLAR: Option<&Exemplar<Labels, f64>> = None;
        match self {
            Self::Count(count) => encoder.encode_counter(count, NO_EXEMPLAR),
            Self::Sum(sum) => encoder.encode_counter(sum, NO_EXEMPLAR),
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Histogram { sum, buckets } => {
                let count = buckets.iter().map(|bucket| bucket.1).sum();
                encoder.encode_histogram::<Labels>(*sum, count, buckets, None)
            }
        }
    }
}
