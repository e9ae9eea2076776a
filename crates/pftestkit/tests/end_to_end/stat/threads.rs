//! Single threads, and threads that come while the recorder attaches.

use std::io::Write;

use super::{Said, account, count_attached, counter, less, own_account, parse, rest, start};
use crate::python::{self, Python};
use crate::recording::{Lab, Recorder, User, is_root};

#[test]
fn a_thread_is_counted_alone_and_its_end_is_noticed() {
    if !is_root() {
        eprintln!("skipped: needs root, to count faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("threads").args(["--threads", "2", "--pages", "5000"]);
    let mut running = start(&workload);
    let pid = running.pid();
    let stat = format!("/proc/{pid}/task/{pid}/stat");
    let before = account(&stat).0;
    let said = count_attached(counter(&lab).args(["-t", &pid.to_string()]), &mut running);
    let counted = said.faults();
    assert_eq!(counted, less(account(&stat).0, before), "{}", said.text);
    assert!(counted.0 < 5000, "{}", said.text);
    running.finish().unwrap();

    let mut running = start(&workload);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", running.pid())).unwrap();
    let tids = tasks.map(|task| task.unwrap().file_name().to_str().unwrap().to_owned());
    let tid = tids.filter(|tid| *tid != running.pid().to_string()).min().unwrap();
    let mut recorder = Recorder::start(counter(&lab).args(["-t", &tid]));
    running.go().unwrap();
    // The process lives on.
    let (status, text) = recorder.finish();
    assert!(status.success() && text.contains("the target exited"), "{text}");
    let (minor, _) = Said { text }.faults();
    assert!((5000..10_000).contains(&minor), "{minor}");
    running.finish().unwrap();
}

#[test]
fn a_thread_storm_counts_once() {
    if !is_root() {
        eprintln!("skipped: needs root, to count faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    for _ in 0..5 {
        let workload = lab.workload("thread-storm").args(["--count", "500", "--pages", "16"]);
        let mut running = workload.start().unwrap().unwrap();
        let pid = running.pid();
        let before = own_account(pid);
        let mut recorder = Recorder::start(counter(&lab).args(["-p", &pid.to_string()]));
        running.go().unwrap();
        rest(pid);
        let after = own_account(pid);
        recorder.signal("INT");
        let (status, text) = recorder.finish();
        let said = Said { text };
        let (minor, _) = said.faults();
        // 3: it was said that threads of the first moments may be missing.
        let unsure = said.text.contains("threads came faster than");
        assert_eq!(status.code(), Some(if unsure { 3 } else { 0 }), "{}", said.text);
        assert!((500 * 16..=less(after, before).0).contains(&minor), "{}", said.text);
        running.finish().unwrap();
    }
}

/// Creates threads, each by the one before it, more of them until a line comes; then each of them writes
/// 64 pages.
const SPAWNER: &str = "
import mmap, select, sys, threading
go, spawned, threads = threading.Event(), threading.Event(), []
def more():
    if len(threads) == 150:
        print('spawning', flush=True)
    if len(threads) < 150:
        return True
    return len(threads) < 600 and not select.select([sys.stdin], [], [], float(sys.argv[1]))[0]
def spawn():
    threads.append(threading.Thread(target=touch))
    threads[-1].start()
def touch():
    memory = mmap.mmap(-1, 64 * 4096)
    if more():
        spawn()
    else:
        spawned.set()
    go.wait()
    for page in range(64):
        memory[page * 4096] = 1
spawn()
spawned.wait()
sys.stdin.readline()
go.set()
for thread in threads:
    thread.join()
print(len(threads), flush=True)
sys.stdin.readline()
";

#[test]
fn threads_created_during_the_attach_count_once() {
    let lab = Lab::new(User::Own);
    for pause_seconds in ["0", "0.002", "0.01"] {
        let Python { child: mut python, pid, mut input, mut lines } =
            python::start(SPAWNER, pause_seconds, "spawning");
        let before = own_account(pid).0;
        let mut recorder = Recorder::start(counter(&lab).args(["-p", &pid.to_string()]));
        input.write_all(b"\n").unwrap();
        let made = 64 * parse(&lines.next().unwrap().unwrap());
        rest(pid);
        let after = own_account(pid).0;
        recorder.signal("INT");
        let (_, text) = recorder.finish();
        drop(input);
        assert!(python.wait().unwrap().success());
        let (minor, _) = Said { text: text.clone() }.faults();
        // Where it was said that some may be missing, none counts twice all the same.
        let known = if text.contains("threads came faster") { 0 } else { made };
        let possible = known..=after - before;
        assert!(possible.contains(&minor), "{made} made, possible {possible:?}: {text}");
    }
}
