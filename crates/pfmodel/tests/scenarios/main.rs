//! Hand-made traces, each with one expected meaning.

mod causes;
mod confidence;
mod failures;
mod hostile;
mod live;
mod mappings;
mod processes;
mod trace;
