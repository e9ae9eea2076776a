//! `struct perf_event_attr`: how an event was opened.

use super::bytes::Bytes;

/// Size of the first version of the structure.
const FIRST_BYTES: usize = 64;

/// Bits of [`Attr::flags`].
pub mod flags {
    pub const INHERIT: u64 = 1 << 1;
    pub const EXCLUDE_USER: u64 = 1 << 4;
    pub const EXCLUDE_KERNEL: u64 = 1 << 5;
    pub const FREQUENCY: u64 = 1 << 10;
    pub const ENABLE_ON_EXEC: u64 = 1 << 12;
    pub const MMAP_DATA: u64 = 1 << 17;
    pub const SAMPLE_ID_ALL: u64 = 1 << 18;
    pub const USE_CLOCK_ID: u64 = 1 << 25;
}

/// Bits of [`Attr::sample_type`].
pub mod sample {
    pub const IP: u64 = 1;
    pub const TID: u64 = 1 << 1;
    pub const TIME: u64 = 1 << 2;
    pub const ADDR: u64 = 1 << 3;
    pub const READ: u64 = 1 << 4;
    pub const CALLCHAIN: u64 = 1 << 5;
    pub const ID: u64 = 1 << 6;
    pub const CPU: u64 = 1 << 7;
    pub const PERIOD: u64 = 1 << 8;
    pub const STREAM_ID: u64 = 1 << 9;
    pub const RAW: u64 = 1 << 10;
    pub const BRANCH_STACK: u64 = 1 << 11;
    pub const REGS_USER: u64 = 1 << 12;
    pub const STACK_USER: u64 = 1 << 13;
    pub const WEIGHT: u64 = 1 << 14;
    pub const DATA_SRC: u64 = 1 << 15;
    pub const IDENTIFIER: u64 = 1 << 16;
    pub const TRANSACTION: u64 = 1 << 17;
    pub const REGS_INTR: u64 = 1 << 18;
    pub const PHYS_ADDR: u64 = 1 << 19;
    pub const CGROUP: u64 = 1 << 21;
    pub const DATA_PAGE_SIZE: u64 = 1 << 22;
    pub const WEIGHT_STRUCT: u64 = 1 << 24;
}

/// An event as it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attr {
    /// `PERF_TYPE_…`.
    pub kind: u32,
    /// Which of that type.
    pub config: u64,
    /// Period, or frequency with [`flags::FREQUENCY`].
    pub period: u64,
    /// [`sample`].
    pub sample_type: u64,
    /// `PERF_FORMAT_…`.
    pub read_format: u64,
    /// [`flags`].
    pub flags: u64,
    /// `PERF_SAMPLE_BRANCH_…`.
    pub branch_type: u64,
    /// Registers in user space that samples have.
    pub regs_user: u64,
    /// Registers at the interrupt that samples have.
    pub regs_intr: u64,
    /// The clock, with [`flags::USE_CLOCK_ID`].
    pub clock_id: u32,
    /// Most callers of a chain; 0: as many as the kernel takes.
    pub max_stack: u16,
}

impl Attr {
    /// Takes one apart, of whatever length; what a shorter one lacks is 0. With its own size, which is 0 in the
    /// oldest files.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut fields = Bytes(bytes.get(..FIRST_BYTES)?);
        let kind = fields.u32()?;
        let size = match fields.u32()? as usize {
            0 => FIRST_BYTES,
            size => size,
        };
        let mut attr = Self {
            kind,
            config: fields.u64()?,
            period: fields.u64()?,
            sample_type: fields.u64()?,
            read_format: fields.u64()?,
            flags: fields.u64()?,
            ..Self::default()
        };
        let rest = bytes.get(72..size.min(bytes.len())).unwrap_or_default();
        attr.extend(&mut Bytes(rest));
        (size >= FIRST_BYTES).then_some((attr, size))
    }

    /// Fields that later versions added, as far as they are there.
    fn extend(&mut self, fields: &mut Bytes<'_>) -> Option<()> {
        self.branch_type = fields.u64()?;
        self.regs_user = fields.u64()?;
        fields.u32()?;
        self.clock_id = fields.u32()?;
        self.regs_intr = fields.u64()?;
        fields.u32()?;
        self.max_stack = fields.u16()?;
        Some(())
    }

    /// Whether samples have a field.
    pub const fn samples(&self, bit: u64) -> bool {
        self.sample_type & bit != 0
    }

    /// Whether a flag is set.
    pub const fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fields_are_there_as_far_as_it_is_long() {
        let mut bytes = vec![0; 128];
        bytes[0] = 1;
        bytes[4] = 128;
        bytes[8] = 5;
        bytes[16] = 1;
        bytes[72] = 7;
        bytes[92] = 1;
        bytes[108] = 127;
        let (attr, size) = Attr::parse(&bytes).unwrap();
        assert_eq!((attr.kind, attr.config, attr.period, size), (1, 5, 1, 128));
        assert_eq!((attr.branch_type, attr.clock_id, attr.max_stack), (7, 1, 127));
        let (attr, _) = Attr::parse(&bytes[..96]).unwrap();
        assert_eq!((attr.branch_type, attr.clock_id, attr.max_stack), (7, 1, 0));
        bytes[4] = 64;
        assert_eq!(Attr::parse(&bytes[..64]).map(|(attr, _)| attr.branch_type), Some(0));
        assert_eq!(Attr::parse(&bytes[..63]), None);
        bytes[4] = 8;
        assert_eq!(Attr::parse(&bytes), None);
    }
}
