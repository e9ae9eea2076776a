//! Writing the lines.

use std::fmt;
use std::path::Path;

use crate::protocol::names::{EXACTNESS, ORDER_KINDS, PHASES, name_of};
use crate::protocol::{Expectation, Order, Place, Total, Turn, Usage, encode_path};

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expect pid={} start={:#x} end={:#x} phase={} class={} cause={} count={} exact={}",
            self.pid,
            self.start,
            self.end,
            name_of(PHASES, &self.phase),
            self.class,
            self.cause,
            self.count,
            name_of(EXACTNESS, &self.exact),
        )?;
        for (key, value) in &self.witness {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = name_of(ORDER_KINDS, &self.kind);
        let path = encode_path(&self.path);
        write!(f, "order path={path} page_size={} kind={kind} ", self.page_size_bytes)?;
        if let Some(file) = &self.offsets_file {
            return write!(f, "offsets_file={}", encode_path(file));
        }
        f.write_str("offsets=")?;
        for (i, offset) in self.offsets.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(f, "{separator}{offset}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, start, end, path, offset_bytes, count } = self;
        write!(f, "turn pid={pid} start={start:#x} end={end:#x} path={} ", encode_path(path))?;
        write!(f, "offset={offset_bytes} count={count}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, start, end, kind, label, path } = self;
        let (label, path) = (encode_path(Path::new(label)), encode_path(path));
        write!(f, "place pid={pid} start={start:#x} end={end:#x} kind={kind} ")?;
        write!(f, "label={label} path={path}")
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, minflt, majflt, wall_ns } = self;
        write!(f, "rusage pid={pid} minflt={minflt} majflt={majflt} wall_ns={wall_ns}")
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, minflt, majflt, children_minflt, children_majflt } = self;
        write!(f, "total pid={pid} minflt={minflt} majflt={majflt} ")?;
        write!(f, "children_minflt={children_minflt} children_majflt={children_majflt}")
    }
}
