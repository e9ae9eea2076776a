//! What `pfrecord` shows of a recording while it goes on.

pub mod live;
