#!/usr/bin/env python3
"""Prints one table of a .pft trace as CSV: faults, unless another one is named.

Written from schemas/pft.md alone, to show that the page describes the format. Needs Python 3.8 or
later, pft_tables.py beside it and, for decompression, the zstandard package or the zstd program. Damage
goes to standard error; the exit status is then 1.
"""

import shutil
import struct
import subprocess
import sys
import zlib

sys.dont_write_bytecode = True
from pft_tables import TABLES, Damaged, need  # noqa: E402: it lies beside this script

MAGIC = bytes.fromhex("89504654 0d0a1a0a")
SYNC_MARKER = bytes.fromhex("f7504646 524d0a9c")
TRAILER_MAGIC = bytes.fromhex("89504654 454e440a")
MAX_RAW, MAX_STORED, MAX_ROWS = 1 << 24, (1 << 24) + (1 << 17), 1 << 20


def decompressor():
    """A function from one zstd frame and its content size to the content."""
    try:
        import zstandard

        return lambda data, size: zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    except ImportError:
        pass
    program = shutil.which("zstd")
    if program is None:
        sys.exit("read_pft.py: needs the zstandard package or the zstd program (apt install zstd)")

    def run(data, _size):
        done = subprocess.run([program, "-dcq"], input=data, capture_output=True)
        need(done.returncode == 0, "the payload does not decompress")
        return done.stdout

    return run


def checksum(uuid, data):
    return zlib.crc32(data, zlib.crc32(uuid))


def file_header(data):
    """Page size, uuid and the offset of the first frame."""
    if data[:8] != MAGIC:
        sys.exit("read_pft.py: not a pft trace")
    if len(data) < 64:
        sys.exit("read_pft.py: the trace ends inside its header")
    major, _minor, length, page_size, _clock = struct.unpack_from("<HHIII", data, 8)
    if major != 1:
        sys.exit(f"read_pft.py: format version {major}, this script reads version 1")
    uuid = data[40:56]
    (crc,) = struct.unpack_from("<I", data, 60)
    if not 64 <= length <= 4096 or checksum(uuid, data[:60] + data[64:length]) != crc:
        sys.exit("read_pft.py: the header of the trace is damaged")
    if page_size == 0 or page_size & (page_size - 1):
        sys.exit("read_pft.py: the page size is no power of two")
    return page_size, uuid, length


class FrameHeader:
    """A frame header, if one is at `at`; `valid` tells."""

    def __init__(self, data, at, uuid):
        raw = data[at : at + 64]
        self.valid = len(raw) == 64 and raw[:8] == SYNC_MARKER
        if not self.valid:
            return
        fields = struct.unpack_from("<6HI3Q4I", raw, 8)
        self.kind, self.version, self.codec, self.part, self.parts, _ = fields[:6]
        self.rows, self.sequence, self.first_ns, self.last_ns = fields[6:10]
        self.stored, self.raw, self.payload_crc, crc = fields[10:]
        self.offset = at
        self.payload = data[at + 64 : at + 64 + self.stored]
        self.end = at + 64 + self.stored
        self.valid = (
            checksum(uuid, raw[:60]) == crc
            and self.part < self.parts
            and self.rows <= MAX_ROWS
            and self.first_ns <= self.last_ns
            and 1 <= self.stored <= MAX_STORED
            and 1 <= self.raw <= MAX_RAW
        )


def scan(data, first, uuid, report):
    """All frames in order of their sequence numbers; section 8 without the index."""
    end = len(data)
    trailer = data[-32:]
    closed = trailer[:8] == TRAILER_MAGIC and trailer[28:] == struct.pack("<I", checksum(uuid, trailer[:28]))
    if closed:
        end -= 32
        data = data[:end]
    else:
        report("the index at the end is missing")
    frames, at, search = [], first, first
    while at != end:
        header = FrameHeader(data, at, uuid)
        if header.valid:
            frames.append(header)
            at, search = header.end, at + 64
            continue
        found = data.find(SYNC_MARKER, search)
        while found >= 0 and not FrameHeader(data, found, uuid).valid:
            found = data.find(SYNC_MARKER, found + 1)
        following = found if found >= 0 else end
        if following < at:
            report(f"frame {frames.pop().sequence} is cut short at byte {following}")
        else:
            report(f"{following - at} bytes at byte {at} are no whole frame")
        at = search = following
    by_sequence = {}
    for frame in frames:
        by_sequence.setdefault(frame.sequence, frame)
    expected = 0
    for sequence in sorted(by_sequence):
        if sequence != expected:
            report(f"{sequence - expected} frames from {expected} on are missing")
        expected = sequence + 1
        yield by_sequence[sequence]


def main():
    table = sys.argv[2] if len(sys.argv) == 3 else "faults"
    if len(sys.argv) not in (2, 3) or table not in TABLES:
        sys.exit(f"usage: read_pft.py TRACE.pft [{'|'.join(TABLES)}] > TABLE.csv")
    wanted, rows, columns = TABLES[table]
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    findings = []

    def report(finding):
        findings.append(finding)
        print(f"read_pft.py: {finding}", file=sys.stderr)

    decompress = decompressor()
    page_size, uuid, first = file_header(data)
    print(columns)
    for frame in scan(data, first, uuid, report):
        try:
            need(checksum(uuid, frame.payload) == frame.payload_crc, "wrong payload checksum")
            if (frame.kind, frame.version) != wanted:
                continue
            need(frame.codec == 1 and frame.parts == 1, "unknown codec, or parts")
            archive = decompress(frame.payload, frame.raw)
            need(len(archive) == frame.raw, "a wrong raw length")
            for line in list(rows(archive, frame, page_size)):
                print(line)
        except (Damaged, struct.error) as error:
            report(f"frame {frame.sequence} at byte {frame.offset}: {error}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
