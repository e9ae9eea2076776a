//! Where numbers that identify are in a frame: likewise one list.

use pft::record::{CallKind, Frame};

/// What is done with such numbers.
pub(crate) trait Numbers {
    /// A moment.
    fn time(&mut self, ns: &mut u64);
    /// An address in a process or in the kernel.
    fn address(&mut self, address: &mut u64);
    /// A mapping or an object: first address and the one behind it.
    fn range(&mut self, start: &mut u64, end: &mut u64);
    /// What a system call was asked for: first address and length, whatever they are.
    fn block(&mut self, start: &mut u64, bytes: &mut u64);
    /// A process or a thread.
    fn task(&mut self, id: &mut u32);
    /// A file.
    fn file(&mut self, file: File<'_>);
    /// A user.
    fn user(&mut self, id: &mut u32);
    /// Whether the addresses of a module's symbols are those in the process.
    fn is_absolute(&self, module: u32) -> bool;
}

/// What tells which file is mapped.
pub(crate) struct File<'a> {
    pub major: u32,
    pub minor: &'a mut u32,
    pub inode: &'a mut u64,
    pub generation: Option<&'a mut u64>,
}

/// Hands all such numbers of a frame to `numbers`.
pub(crate) fn each_number(frame: &mut Frame, numbers: &mut impl Numbers) {
    match frame {
        Frame::Tasks(tasks) => {
            for task in tasks {
                numbers.time(&mut task.time_ns);
                for id in [&mut task.pid, &mut task.tid, &mut task.parent_pid, &mut task.parent_tid]
                {
                    numbers.task(id);
                }
            }
        }
        Frame::Maps(maps) => {
            for map in maps {
                numbers.time(&mut map.time_ns);
                numbers.task(&mut map.pid);
                numbers.task(&mut map.tid);
                numbers.range(&mut map.start, &mut map.end);
                numbers.file(File {
                    major: map.dev_major,
                    minor: &mut map.dev_minor,
                    inode: &mut map.inode,
                    generation: Some(&mut map.inode_generation),
                });
            }
        }
        Frame::Snapshot(snapshot) => {
            numbers.time(&mut snapshot.start_ns);
            numbers.time(&mut snapshot.end_ns);
            numbers.task(&mut snapshot.pid);
            for vma in &mut snapshot.vmas {
                numbers.range(&mut vma.start, &mut vma.end);
                numbers.file(File {
                    major: vma.dev_major,
                    minor: &mut vma.dev_minor,
                    inode: &mut vma.inode,
                    generation: None,
                });
            }
        }
        Frame::Faults(batch) => {
            let columns = &mut batch.columns;
            columns.time_ns.iter_mut().for_each(|ns| numbers.time(ns));
            columns.addr.iter_mut().for_each(|address| numbers.address(address));
            columns.ip.iter_mut().for_each(|address| numbers.address(address));
            columns.pid.iter_mut().for_each(|id| numbers.task(id));
            columns.tid.iter_mut().for_each(|id| numbers.task(id));
        }
        Frame::Lost(losses) => {
            for loss in losses {
                numbers.time(&mut loss.after_ns);
                numbers.time(&mut loss.time_ns);
            }
        }
        Frame::Gaps(gaps) => {
            for gap in gaps {
                numbers.time(&mut gap.after_ns);
                // What is not known stands for the end of time.
                if gap.before_ns != u64::MAX {
                    numbers.time(&mut gap.before_ns);
                }
            }
        }
        Frame::Checkpoint(checkpoint) => numbers.time(&mut checkpoint.time_ns),
        Frame::Oom(victims) => {
            for victim in victims {
                numbers.time(&mut victim.time_ns);
                numbers.task(&mut victim.pid);
                numbers.task(&mut victim.by_pid);
                numbers.task(&mut victim.by_tid);
                victim.uid.iter_mut().for_each(|id| numbers.user(id));
            }
        }
        Frame::Marks(marks) => marks.iter_mut().for_each(|mark| numbers.time(&mut mark.time_ns)),
        Frame::Cgroups(cgroups) => {
            for cgroup in cgroups {
                numbers.time(&mut cgroup.time_ns);
                numbers.task(&mut cgroup.pid);
            }
        }
        Frame::Calls(_)
        | Frame::CallChains(_)
        | Frame::Modules(_)
        | Frame::Symbols(_)
        | Frame::StackPointers(_) => each_number_of_code(frame, numbers),
        // These have no such numbers, or are left out.
        _ => {}
    }
}

fn each_number_of_code(frame: &mut Frame, numbers: &mut impl Numbers) {
    match frame {
        Frame::Calls(calls) => {
            for call in calls {
                numbers.time(&mut call.time_ns);
                let is_known = call.end_ns != u64::MAX;
                if is_known {
                    numbers.time(&mut call.end_ns);
                }
                numbers.task(&mut call.pid);
                numbers.task(&mut call.tid);
                numbers.block(&mut call.addr, &mut call.len_bytes);
                if call.kind == CallKind::Mremap && is_known && call.result >= 0 {
                    let mut moved = call.result.cast_unsigned();
                    numbers.block(&mut moved, &mut call.new_len_bytes);
                    call.result = moved.cast_signed();
                }
            }
        }
        Frame::CallChains(chains) => {
            for chain in chains {
                let addresses = chain.kernel.iter_mut().chain(&mut chain.user);
                addresses.for_each(|address| numbers.address(address));
            }
        }
        Frame::Modules(modules) => {
            for module in modules {
                numbers.task(&mut module.pid);
                numbers.file(File {
                    major: module.dev_major,
                    minor: &mut module.dev_minor,
                    inode: &mut module.inode,
                    generation: None,
                });
                if numbers.is_absolute(module.id) {
                    for segment in &mut module.segments {
                        numbers.block(&mut segment.address, &mut segment.memory_bytes);
                    }
                    for section in &mut module.sections {
                        numbers.block(&mut section.address, &mut section.bytes);
                    }
                }
            }
        }
        Frame::Symbols(symbols) => {
            for symbol in symbols {
                if numbers.is_absolute(symbol.module) {
                    numbers.block(&mut symbol.address, &mut symbol.size_bytes);
                }
            }
        }
        Frame::StackPointers(stack_pointers) => {
            for record in stack_pointers {
                numbers.time(&mut record.time_ns);
                numbers.task(&mut record.pid);
                numbers.task(&mut record.tid);
                numbers.address(&mut record.stack_pointer);
            }
        }
        _ => {}
    }
}
