//! Records made from a fuzzer's bytes: few values, so that records meet, and the odd ones.

use arbitrary::{Result, Unstructured};

/// Bytes that are read as choices.
pub struct Source<'a>(Unstructured<'a>);

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether there are bytes left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bool(&mut self) -> Result<bool> {
        Ok(self.0.int_in_range(0..=1)? == 1)
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> Result<usize> {
        self.0.int_in_range(0..=count - 1)
    }

    pub fn choose<T: Copy>(&mut self, from: &[T]) -> Result<T> {
        self.0.choose(from).copied()
    }

    /// A time, an address or a size.
    pub fn number(&mut self) -> Result<u64> {
        Ok(match self.0.arbitrary::<u8>()? {
            page @ 0..=127 => u64::from(page) << 12,
            time @ 128..=223 => crate::forge::HEADER.start_ns + u64::from(time) - 128,
            224..=239 => self.0.arbitrary::<u8>()?.into(),
            240..=249 => {
                self.choose(&[u64::MAX, u64::MAX - 1, 1 << 63, 1 << 47, u64::MAX - 4095])?
            }
            _ => self.0.arbitrary()?,
        })
    }

    /// A process, thread, device, module or flag.
    pub fn id(&mut self) -> Result<u32> {
        Ok(match self.0.arbitrary::<u8>()? {
            small @ 0..=239 => u32::from(small) % 6,
            240..=247 => u32::MAX,
            _ => self.0.arbitrary()?,
        })
    }

    pub fn word(&mut self) -> Result<u32> {
        self.0.arbitrary()
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.0.arbitrary()
    }

    /// A name or a path.
    pub fn name(&mut self) -> Result<Vec<u8>> {
        const NAMES: [&[u8]; 10] = [
            b"",
            b"//anon",
            b"[heap]",
            b"[stack]",
            b"[vdso]",
            b"/lib/a.so",
            b"/b (deleted)",
            b"/memfd:x",
            b"/SYSV0",
            b"[kernel]",
        ];
        match self.below(NAMES.len() + 1)? {
            known if known < NAMES.len() => Ok(NAMES[known].to_vec()),
            _ => {
                let bytes = self.below(12)?;
                self.0.bytes(bytes).map(<[u8]>::to_vec)
            }
        }
    }

    /// A key or a value.
    pub fn text(&mut self) -> Result<String> {
        const TEXTS: [&str; 6] =
            ["capture.calls", "capture.error_code", "vm.swap_total_bytes", "yes", "0", ""];
        match self.below(TEXTS.len() + 1)? {
            known if known < TEXTS.len() => Ok(TEXTS[known].to_owned()),
            _ => Ok(String::from_utf8_lossy(&self.name()?).into_owned()),
        }
    }

    /// At most `most` of what `one` makes.
    pub fn list<T>(
        &mut self,
        most: usize,
        mut one: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.below(most + 1)?;
        (0..count).map(|_| one(self)).collect()
    }
}
