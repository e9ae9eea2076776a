//! Page faults that this program itself serves, by `userfaultfd(2)`.
#![allow(unsafe_code, reason = "userfaultfd and its ioctls, whose types are ours to get right")]

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};
use rustix::mm::{UserfaultfdFlags, userfaultfd};

use crate::sys::mapping::{Mapping, page_size};

// What follows is from the kernel's linux/userfaultfd.h.

const UFFD_API: u64 = 0xaa;
const UFFD_USER_MODE_ONLY: u32 = 1;
const UFFDIO_REGISTER_MODE_MISSING: u64 = 1;
const UFFD_EVENT_PAGEFAULT: u8 = 0x12;

const GROUP: u8 = 0xaa;
const UFFDIO_API: Opcode = opcode::read_write::<Api>(GROUP, 0x3f);
const UFFDIO_REGISTER: Opcode = opcode::read_write::<Register>(GROUP, 0x00);
const UFFDIO_WAKE: Opcode = opcode::read::<Range>(GROUP, 0x02);
const UFFDIO_COPY: Opcode = opcode::read_write::<Copy>(GROUP, 0x03);

/// `struct uffdio_api`.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_range`.
#[repr(C)]
struct Range {
    start: u64,
    len: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Register {
    range: Range,
    mode: u64,
    ioctls: u64,
}

/// `struct uffdio_copy`.
#[repr(C)]
struct Copy {
    dst: u64,
    src: u64,
    len: u64,
    mode: u64,
    copy: i64,
}

/// Size of `struct uffd_msg`, and where the address of a page fault is in it.
const MESSAGE_BYTES: usize = 32;
const ADDRESS_AT: usize = 16;

/// The missing pages of a mapping: whoever accesses one waits until it is served.
#[derive(Debug)]
pub struct Userfault {
    fd: OwnedFd,
    page: Vec<u8>,
}

impl Userfault {
    /// Takes charge of the missing pages of a mapping, for accesses in user mode.
    ///
    /// # Errors
    ///
    /// When the kernel has no userfaultfd (5.11 or later is needed), or refuses it.
    pub fn of(mapping: &Mapping) -> io::Result<Self> {
        let flags = UserfaultfdFlags::CLOEXEC;
        let flags = flags | UserfaultfdFlags::from_bits_retain(UFFD_USER_MODE_ONLY);
        // SAFETY: the descriptor serves the pages of a mapping only that is accessed for its faults, and
        // to which no reference exists.
        let fd = unsafe { userfaultfd(flags) }?;
        let mut api = Api { api: UFFD_API, features: 0, ioctls: 0 };
        // SAFETY: the opcode is that of UFFDIO_API, which takes a `struct uffdio_api`.
        unsafe { ioctl(fd.as_fd(), Updater::<UFFDIO_API, Api>::new(&mut api)) }?;
        let addresses = mapping.range();
        let range = Range { start: addresses.start, len: addresses.end - addresses.start };
        let mut register = Register { range, mode: UFFDIO_REGISTER_MODE_MISSING, ioctls: 0 };
        // SAFETY: the opcode is that of UFFDIO_REGISTER, which takes a `struct uffdio_register`.
        unsafe { ioctl(fd.as_fd(), Updater::<UFFDIO_REGISTER, Register>::new(&mut register)) }?;
        Ok(Self { fd, page: vec![1; page_size()] })
    }

    /// Waits until a missing page is accessed and returns its address.
    pub fn accessed(&self) -> io::Result<u64> {
        let mut message = [0; MESSAGE_BYTES];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&self.fd, &mut message))?;
        let address = message.get(ADDRESS_AT..ADDRESS_AT + 8).and_then(|b| b.try_into().ok());
        match (read, message[0], address) {
            (MESSAGE_BYTES, UFFD_EVENT_PAGEFAULT, Some(address)) => {
                let address = u64::from_ne_bytes(address);
                Ok(address - address % page_size() as u64)
            }
            _ => Err(io::Error::other(format!("userfaultfd: message {message:?}"))),
        }
    }

    /// Lets the access be tried again, though the page is still missing.
    pub fn wake(&self, address: u64) -> io::Result<()> {
        let range = Range { start: address, len: page_size() as u64 };
        // SAFETY: the opcode is that of UFFDIO_WAKE, which reads a `struct uffdio_range`.
        Ok(unsafe { ioctl(self.fd.as_fd(), Setter::<UFFDIO_WAKE, Range>::new(range)) }?)
    }

    /// Gives the page to whoever waits for it.
    pub fn serve(&self, address: u64) -> io::Result<()> {
        let (src, len) = (self.page.as_ptr().expose_provenance() as u64, page_size() as u64);
        let mut copy = Copy { dst: address, src, len, mode: 0, copy: 0 };
        // SAFETY: the opcode is that of UFFDIO_COPY, which takes a `struct uffdio_copy`. It reads a page
        // that `self.page` holds, and writes only pages of the registered mapping, to which no
        // reference exists.
        Ok(unsafe { ioctl(self.fd.as_fd(), Updater::<UFFDIO_COPY, Copy>::new(&mut copy)) }?)
    }
}
