//! Both ends of the protocol, in one process.

use std::sync::atomic::{AtomicU32, Ordering};

use super::client::{ask, listening, reach, the_only};
use super::*;
use crate::Error;

const SECOND_NS: u64 = 1_000_000_000;
const START_NS: u64 = 100 * SECOND_NS;
const NOW_NS: u64 = 200 * SECOND_NS;

/// A recorder under a name of its own.
fn recorder() -> (Marks, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("pfrecord-test.{}.{number}", std::process::id());
    (Marks::listen_as(&name).unwrap(), name)
}

/// Says `message` and leaves the answer to be read.
fn client(name: &str, message: &[u8]) -> UnixStream {
    let stream = reach(name).unwrap();
    (&stream).write_all(message).unwrap();
    stream
}

fn answer(stream: &UnixStream) -> Result<(), String> {
    // The recorder has answered already: an empty request reads what is there.
    match ask(stream, 7, &[]) {
        Ok(()) => Ok(()),
        Err(Error::MarkRefused { pid: 7, reason }) => Err(reason),
        Err(error) => Err(error.to_string()),
    }
}

fn mark(time_ns: u64, name: &[u8]) -> MarkRecord {
    MarkRecord { time_ns, name: name.to_vec() }
}

#[test]
fn marks_arrive_in_order_of_time_and_are_answered() {
    let (mut marks, name) = recorder();
    assert_eq!(marks.collect(NOW_NS, START_NS), []);
    let late = client(&name, &request(NOW_NS - 10, b"serve").unwrap());
    let early = client(&name, &request(NOW_NS - 20, b"warm-up\n\xff").unwrap());
    let collected = marks.collect(NOW_NS, START_NS);
    assert_eq!(collected, [mark(NOW_NS - 20, b"warm-up\n\xff"), mark(NOW_NS - 10, b"serve")]);
    assert_eq!((answer(&late), answer(&early)), (Ok(()), Ok(())));
    assert_eq!(marks.fds().count(), 1);
}

#[test]
fn a_time_that_cannot_be_is_replaced_by_that_of_the_receipt() {
    let (mut marks, name) = recorder();
    for (start_ns, said_ns, taken_ns) in [
        (START_NS, NOW_NS, NOW_NS),
        (START_NS, NOW_NS - 5 * SECOND_NS, NOW_NS - 5 * SECOND_NS),
        (START_NS, NOW_NS - 5 * SECOND_NS - 1, NOW_NS),
        (START_NS, NOW_NS + 1, NOW_NS),
        (NOW_NS - 9, NOW_NS - 9, NOW_NS - 9),
        (NOW_NS - 9, NOW_NS - 10, NOW_NS),
    ] {
        let _client = client(&name, &request(said_ns, b"x").unwrap());
        assert_eq!(marks.collect(NOW_NS, start_ns), [mark(taken_ns, b"x")], "{said_ns}");
    }
}

#[test]
fn garbage_is_refused_with_a_reason() {
    let (mut marks, name) = recorder();
    let good = request(NOW_NS, b"phase").unwrap();
    let with = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    let longer = [good.clone(), vec![1]].concat();
    let cases: [(&[u8], &str); 6] = [
        (b"GET / HTTP/1.1\r\n", "this is no mark that the recorder knows"),
        (b"x", "this is no mark that the recorder knows"),
        (&with(6, 2), "this is no mark that the recorder knows"),
        (&with(15, 0), "the mark has no name"),
        (&with(17, 0), "the name holds a NUL byte"),
        (&longer, "the mark is longer than it says"),
    ];
    for (message, reason) in cases {
        let stream = client(&name, message);
        assert_eq!(marks.collect(NOW_NS, START_NS), []);
        assert_eq!(answer(&stream), Err(reason.to_owned()));
        assert_eq!(marks.fds().count(), 1, "{reason}");
    }
}

#[test]
fn a_request_may_come_in_pieces() {
    let (mut marks, name) = recorder();
    let message = request(NOW_NS, b"phase").unwrap();
    let stream = reach(&name).unwrap();
    let (last, first) = message.split_last().unwrap();
    for byte in first {
        (&stream).write_all(&[*byte]).unwrap();
        assert_eq!(marks.collect(NOW_NS, START_NS), []);
        assert_eq!(marks.fds().count(), 2);
    }
    (&stream).write_all(&[*last]).unwrap();
    assert_eq!(marks.collect(NOW_NS, START_NS), [mark(NOW_NS, b"phase")]);
}

#[test]
fn who_says_nothing_is_dropped_and_who_leaves_too() {
    let (mut marks, name) = recorder();
    let silent = client(&name, b"pfm");
    drop(client(&name, b"pfmark"));
    assert_eq!(marks.collect(NOW_NS, START_NS), []);
    // What the one who left had said was read first; its end is seen next.
    assert_eq!(marks.collect(NOW_NS + PATIENCE_NS, START_NS), []);
    assert_eq!(marks.fds().count(), 2);
    assert_eq!(marks.collect(NOW_NS + PATIENCE_NS + 1, START_NS), []);
    assert_eq!(marks.fds().count(), 1);
    assert!(answer(&silent).unwrap_err().contains("does not answer"));
}

#[test]
fn so_many_clients_are_heard_and_the_others_wait() {
    let (mut marks, name) = recorder();
    let silent: Vec<UnixStream> = (0..MAX_CLIENTS).map(|_| client(&name, b"p")).collect();
    let waiting = client(&name, &request(NOW_NS, b"phase").unwrap());
    assert_eq!(marks.collect(NOW_NS, START_NS), []);
    // The listener is not among them: it would wake the recorder all the time.
    assert_eq!(marks.fds().count(), MAX_CLIENTS);
    drop(silent);
    assert_eq!(marks.collect(NOW_NS, START_NS), []);
    assert_eq!(marks.collect(NOW_NS, START_NS), [mark(NOW_NS, b"phase")]);
    assert_eq!(answer(&waiting), Ok(()));
}

#[test]
fn marks_come_from_the_same_user_or_root() {
    assert!(may_mark(1000, 1000) && may_mark(0, 1000) && may_mark(0, 0));
    assert!(!may_mark(1000, 0) && !may_mark(1001, 1000));
}

#[test]
fn a_recording_takes_so_many_marks() {
    let (mut marks, name) = recorder();
    marks.taken = MAX_MARKS - 1;
    let message = request(NOW_NS, b"phase").unwrap();
    let (last, beyond) = (client(&name, &message), client(&name, &message));
    assert_eq!(marks.collect(NOW_NS, START_NS).len(), 1);
    assert_eq!(answer(&last), Ok(()));
    let reason = "the recording has all the marks that it takes (10000)";
    assert_eq!(answer(&beyond), Err(reason.to_owned()));
}

#[test]
fn names_have_a_longest_length() {
    let (mut marks, name) = recorder();
    let longest = [b'n'; MAX_NAME_BYTES];
    let stream = client(&name, &request(NOW_NS, &longest).unwrap());
    assert_eq!(marks.collect(NOW_NS, START_NS), [mark(NOW_NS, &longest)]);
    assert_eq!(answer(&stream), Ok(()));
    for wrong in [&[b'n'; MAX_NAME_BYTES + 1][..], b"", b"a\0b"] {
        assert_eq!(request(NOW_NS, wrong), None);
        assert!(matches!(send(wrong, None), Err(Error::MarkName { max: MAX_NAME_BYTES })));
    }
}

#[test]
fn recorders_are_found_by_the_names_of_their_sockets() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(listening(root.path()).len(), 0);
    std::fs::create_dir_all(root.path().join("proc/net")).unwrap();
    let text = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 11 @pfrecord.42\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 12 @pfrecord.42\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 13 @pfrecord.7\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 14 @pfrecord.x\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 15 /run/pfrecord.9\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 16 @my-pfrecord.9\n\
        0000000000000000: 00000003 00000000 00000000 0001 03 17\n";
    std::fs::write(root.path().join("proc/net/unix"), text).unwrap();
    assert_eq!(Vec::from_iter(listening(root.path())), [7, 42]);
}

#[test]
fn only_one_recorder_can_be_meant() {
    let choose = |pids: &[u32], to| {
        let reached = pids.iter().map(|&pid| (pid, ())).collect();
        let chosen = the_only(reached, to, |pid| format!("pfrecord -p 1{pid}"));
        chosen.map(|(pid, ())| pid).map_err(|error| error.to_string())
    };
    assert_eq!(choose(&[7], None), Ok(7));
    assert_eq!(choose(&[7], Some(7)), Ok(7));
    assert!(choose(&[], None).unwrap_err().starts_with("no recording to mark"));
    let none = choose(&[], Some(7)).unwrap_err();
    assert!(
        none.starts_with("process 7 takes no marks: it is no recording of this user"),
        "{none}"
    );
    assert!(none.ends_with("(a pfrecord that only counts takes none)"), "{none}");
    assert_eq!(
        choose(&[7, 42], None).unwrap_err(),
        "several recordings run: choose one with --to PID (7: pfrecord -p 17; 42: pfrecord -p 142)"
    );
}
