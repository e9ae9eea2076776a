//! Traces to a medium that fails.

use std::cell::RefCell;
use std::rc::Rc;

use pft::Trace;
use pft::record::{Fact, Frame};

use super::*;
use crate::drain::batch::FaultRows;
use crate::store::tests::{header, row};

/// Takes so many bytes and then closes; keeps what it took.
#[derive(Debug)]
struct Pipe {
    taken: Rc<RefCell<Vec<u8>>>,
    room: usize,
    closed: io::ErrorKind,
    /// It is a file rather.
    can_cut: bool,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = self.taken.borrow_mut();
        let bytes = &bytes[..bytes.len().min(self.room - taken.len())];
        if bytes.is_empty() {
            return Err(self.closed.into());
        }
        taken.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Medium for Pipe {
    fn left(&self, written_bytes: u64) -> u64 {
        written_bytes
    }

    fn cut(&mut self, whole_bytes: u64) -> io::Result<()> {
        if !self.can_cut {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.taken.borrow_mut().truncate(whole_bytes as usize);
        Ok(())
    }

    fn begin_end(&mut self) {}

    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn place(&self) -> Place {
        Place::Stdout
    }

    fn moved(&self) -> Option<PathBuf> {
        None
    }
}

fn stream(
    room: usize,
    closed: io::ErrorKind,
    max_bytes: Option<u64>,
) -> (Stream<Pipe>, Rc<RefCell<Vec<u8>>>) {
    let taken = Rc::new(RefCell::new(Vec::new()));
    let can_cut = closed == io::ErrorKind::StorageFull;
    let pipe = Pipe { taken: Rc::clone(&taken), room, closed, can_cut };
    (Stream::create(pipe, &header(), 1, max_bytes).unwrap(), taken)
}

fn fact(value: &str) -> Item {
    Item::Facts(vec![Fact { key: "a.b".to_owned(), value: value.to_owned() }])
}

/// Length of a file with so many of these facts, each of three letters.
fn length(facts: usize) -> usize {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    let frame = &encode(&mut encoder, &fact("one")).unwrap()[0];
    pft::FILE_HEADER_BYTES + facts * (pft::FRAME_HEADER_BYTES + frame.stored_bytes())
}

fn values(bytes: &[u8]) -> Vec<String> {
    let trace = Trace::from_bytes(bytes.to_vec()).unwrap();
    let frames = trace.iter().map(|(_, frame)| match frame.unwrap() {
        Frame::Host(facts) => facts.into_iter().map(|fact| fact.value).collect(),
        other => panic!("{other:?}"),
    });
    frames.collect()
}

#[test]
fn a_stream_is_a_whole_trace() {
    let (mut stream, taken) = stream(1 << 20, io::ErrorKind::BrokenPipe, None);
    stream.take(&mut fact("one")).unwrap();
    let bytes = stream.close().unwrap().bytes;
    let taken = taken.borrow();
    assert_eq!(taken.len() as u64, bytes);
    assert_eq!(values(&taken), ["one"]);
    assert!(Trace::from_bytes(taken.clone()).unwrap().is_complete());
}

#[test]
fn a_reader_that_goes_has_a_valid_prefix() {
    // The second frame finds room for a part of it only.
    let room = length(1) + 70;
    let (mut stream, taken) = stream(room, io::ErrorKind::BrokenPipe, None);
    stream.take(&mut fact("one")).unwrap();
    let failure = stream.take(&mut fact("two")).unwrap_err();
    let error = stream.abandon(failure, &mut []);
    assert!(matches!(error, Error::ReaderGone { bytes } if bytes == length(1) as u64), "{error:?}");
    assert_eq!(taken.borrow().len(), room);
    assert_eq!(values(&taken.borrow()), ["one"]);
}

#[test]
fn a_reader_that_goes_before_the_index_is_noticed() {
    let (mut stream, _) = stream(length(1), io::ErrorKind::BrokenPipe, None);
    stream.take(&mut fact("one")).unwrap();
    let error = stream.close().unwrap_err();
    assert!(matches!(error, Error::ReaderGone { bytes } if bytes == length(1) as u64));
}

#[test]
fn nothing_is_called_a_trace_that_has_no_header() {
    let full = |closed| Pipe { taken: Rc::default(), room: 0, closed, can_cut: false };
    for closed in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
        let error = Stream::create(full(closed), &header(), 1, None).unwrap_err().to_string();
        assert!(error.contains(": no trace "), "{error}");
    }
}

#[test]
fn where_a_large_frame_found_no_room_small_ones_end_the_trace() {
    let (mut stream, taken) = stream(length(1) + 4_000, io::ErrorKind::StorageFull, None);
    stream.take(&mut fact("one")).unwrap();
    let mut batch = Item::Faults(0, FaultRows::from(vec![row(10, 1); 3]));
    stream.take(&mut batch).unwrap();
    // Letters that compress badly.
    let mut state = 1_u32;
    let long = (0..20_000).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'0' + (state % 79) as u8)
    });
    let failure = stream.take(&mut fact(&long.collect::<String>())).unwrap_err();
    let missed = stream.take(&mut Item::Faults(0, FaultRows::from(vec![row(20, 1); 5])));
    assert!(missed.is_err());
    assert_eq!(stream.missing(), 5);
    let error = stream.abandon(failure, &mut [fact("end")]).to_string();
    assert!(error.starts_with("cannot write to standard output"), "{error}");
    let trace = Trace::from_bytes(taken.borrow().clone()).unwrap();
    assert!(trace.is_complete(), "{:?}", trace.damage());
    let kinds: Vec<_> = trace.frames().iter().map(|frame| frame.rows).collect();
    assert_eq!(kinds, [1, 3, 1]);
}

#[test]
fn another_failure_of_a_stream_has_its_cause() {
    let (mut stream, _) = stream(length(0), io::ErrorKind::StorageFull, None);
    let failure = stream.take(&mut fact("one")).unwrap_err();
    let error = stream.abandon(failure, &mut []);
    assert!(matches!(error, Error::Stream { bytes, .. } if bytes == length(0) as u64), "{error:?}");
}

#[test]
fn a_stream_is_full_when_it_has_reached_its_size() {
    let limit = Some(length(2) as u64);
    let (mut stream, taken) = stream(1 << 20, io::ErrorKind::BrokenPipe, limit);
    stream.take(&mut fact("one")).unwrap();
    assert!(!stream.is_full());
    stream.take(&mut fact("two")).unwrap();
    assert!(stream.is_full());
    // What was captured until the session ended is written all the same.
    stream.take(&mut fact("six")).unwrap();
    stream.close().unwrap();
    assert_eq!(values(&taken.borrow()), ["one", "two", "six"]);
}
