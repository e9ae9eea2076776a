//! Hand-made traces, each with one expected meaning.

mod advice;
mod arbitrary;
mod calls;
mod causes;
mod cgroups;
mod chains;
mod code;
mod confidence;
mod examples;
mod failures;
mod gaps;
mod hostile;
mod hostile_code;
mod live;
mod loading;
mod mappings;
mod memory;
mod modules;
mod moves;
mod page_sizes;
mod parts;
mod processes;
mod stacks;
mod trace;
mod windows;
