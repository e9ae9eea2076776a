//! What `pfrecord` shows of a recording while it goes on, and how it names what was hit.

pub mod live;
pub mod naming;
