//! Synthetic faults, always the same.

use pft::record::FaultColumns;

/// Start of the trace.
pub const START_NS: u64 = 1_000_000_000_000;

/// SplitMix64: the numbers are the same on every machine.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Roughly normal: the sum of twelve uniform numbers has variance 1.
    fn normal(&mut self, mean: f64, deviation: f64) -> u64 {
        let sum: f64 = (0..12).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum();
        (mean + (sum - 6.0) * deviation).max(0.0) as u64
    }
}

/// One thread that touches page after page from a few places in the code.
pub fn dense(rows: usize) -> FaultColumns {
    let mut noise = Noise(1);
    let mut columns = FaultColumns::default();
    let mut time_ns = START_NS;
    for row in 0..rows as u64 {
        time_ns += noise.normal(2000.0, 300.0);
        columns.time_ns.push(time_ns);
        columns.latency_ns.push(noise.normal(900.0, 200.0));
        columns.addr.push(0x7f00_0000_0000 + row * 4096);
        columns.ip.push(0x55d0_1234_5678 + row / 5000 % 4 * 32);
        columns.pid.push(4711);
        columns.tid.push(4711);
        columns.flags.push(0x0c_0620);
        columns.attempts.push(1);
    }
    columns
}

/// Eight interleaved threads, several regions, 500 places in the code, latencies over decades.
pub fn mixed(rows: usize) -> FaultColumns {
    let mut noise = Noise(2);
    let mut columns = FaultColumns::default();
    let mut time_ns = START_NS;
    let mut pages = [0u64; 8];
    for _ in 0..rows {
        let thread = noise.below(8);
        let page = &mut pages[thread as usize];
        *page += if noise.below(10) == 0 { noise.below(100_000) } else { 1 };
        time_ns += noise.normal(800.0, 300.0);
        columns.time_ns.push(time_ns);
        let scale = 1 << noise.below(4);
        columns.latency_ns.push(noise.normal(600.0, 150.0) * scale);
        let region = 0x7f00_0000_0000 + thread * 0x10_0000_0000;
        columns.addr.push(region + *page * 4096 + noise.below(512) * 8);
        columns.ip.push(0x55d0_1234_0000 + noise.below(500) * 16);
        columns.pid.push(4711);
        columns.tid.push(4711 + thread as u32);
        columns.flags.push(if noise.below(20) == 0 { 0x0c_0630 } else { 0x0c_0620 });
        columns.attempts.push(1);
    }
    columns
}
