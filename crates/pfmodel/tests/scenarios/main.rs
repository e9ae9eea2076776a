//! Hand-made traces, each with one expected meaning.

mod advice;
mod arbitrary;
mod calls;
mod causes;
mod confidence;
mod failures;
mod hostile;
mod live;
mod mappings;
mod moves;
mod processes;
mod trace;
mod windows;
