"""The payloads of the frames as tables: sections 2 and 4 of schemas/pft.md. A part of read_pft.py."""

import struct

U32, U64 = (1 << 32) - 1, (1 << 64) - 1


class Damaged(Exception):
    """A rule of the format does not hold."""


def need(condition, what):
    if not condition:
        raise Damaged(what)


def vector(archive, position, size):
    """Offset of the first element and number of elements of the vector at `position`."""
    distance, count = struct.unpack_from("<iI", archive, position)
    start = position + distance
    need(0 <= start and start + count * size <= len(archive), "a vector reaches out of the payload")
    return start, count


def unzigzag(value):
    return (value >> 1) ^ -(value & 1)


def column(rows, entry, planes, threads, last, latencies):
    """Values of one column; `last` is the page from which each thread starts, `latencies` are those of column 4."""
    base, length, _id, encoding, width, _ = entry
    need(width <= 8 and length == rows * width == len(planes), "a column has a wrong length")
    stored = [0] * rows
    for k in range(width):
        plane = planes[k * rows : (k + 1) * rows]
        stored = [s | byte << 8 * k for s, byte in zip(stored, plane)]
    if encoding == 1:
        return [(base + s) & U64 for s in stored]
    values = []
    if encoding == 2:
        for s in stored:
            base = (base + unzigzag(s)) & U64
            values.append(base)
    elif encoding == 3 and threads is not None:
        for s, thread in zip(stored, threads):
            last[thread] = (last[thread] + unzigzag(s)) & U64
            values.append(last[thread])
    elif encoding == 4 and latencies is not None:
        for s, latency in zip(stored, latencies):
            values.append((base + unzigzag(s)) & U64)
            base = values[-1] + max(latency - 1, 0)
    else:
        raise Damaged("a column has an unknown encoding")
    return values


def faults(archive, frame, page_size):
    """Rows of a Faults payload as in the CSV."""
    root = len(archive) - 40
    need(root >= 0, "the payload is too short")
    cpu, rows = struct.unpack_from("<II", archive, root)
    need(rows == frame.rows <= 65536, "a wrong number of rows")
    at, count = vector(archive, root + 8, 8)
    ips = struct.unpack_from(f"<{count}Q", archive, at)
    at, count = vector(archive, root + 16, 16)
    threads = [struct.unpack_from("<QII", archive, at + 16 * n) for n in range(count)]
    at, count = vector(archive, root + 24, 16)
    entries = [struct.unpack_from("<QI4B", archive, at + 16 * n) for n in range(count)]
    data, length = vector(archive, root + 32, 1)
    need(sum(entry[1] for entry in entries) == length, "the columns do not fill their data")

    columns, thread_rows = {}, None
    for entry in entries:
        planes = archive[data : data + entry[1]]
        data += entry[1]
        need(entry[2] not in columns, "a column occurs twice")
        columns[entry[2]] = (entry, planes)
    need(all(n in columns for n in range(1, 9)), "a column is missing")

    def values(n):
        pages = [thread[0] for thread in threads]
        latencies = values(4) if n == 3 else None
        return column(rows, *columns[n], thread_rows if n == 5 else None, pages, latencies)

    numbers = values(1)
    need(all(n < len(threads) for n in numbers), "a row refers to no thread")
    thread_rows = numbers
    ip_rows = values(2)
    need(all(n < len(ips) for n in ip_rows), "a row refers to no instruction pointer")
    chains, nodes = (values(n) if n in columns else [0] * rows for n in (9, 10))
    for time, latency, page, offset, flags, attempts, thread, ip, chain, node in zip(
        *(values(n) for n in range(3, 9)), thread_rows, ip_rows, chains, nodes
    ):
        need(frame.first_ns <= time <= frame.last_ns, "a time is out of the range of the frame")
        need(page <= U64 // page_size and offset < page_size, "an address is invalid")
        need(max(flags, attempts, chain) < 1 << 32, "a value exceeds 32 bits")
        need(node < 256, "a node exceeds 254")
        _, pid, tid = threads[thread]
        chain, node = known(chain, 0), node - 1 if node else ""
        shown = latency - 1 if latency else ""
        addr = page * page_size + offset
        yield (
            f"{time},{shown},{addr:#x},{ips[ip]:#x},{pid},{tid},{flags:#x},{attempts},{cpu},"
            f"{chain},{node}"
        )


class Nested:
    """A vector of which each row has the next few elements."""

    def __init__(self, archive, position, layout):
        size = struct.calcsize(layout)
        at, count = vector(archive, position, size)
        self.elements = list(struct.iter_unpack(layout, archive[at : at + size * count]))
        self.used = 0

    def take(self, count):
        self.used += count
        need(self.used <= len(self.elements), "the rows count more than there is")
        return self.elements[self.used - count : self.used]

    def finish(self):
        need(self.used == len(self.elements), "the rows count less than there is")


class Rows:
    """The vectors of a payload: `rows`, then those of what rows have several of, with the layouts
    `nested`, then `text`, if it has one."""

    def __init__(self, archive, frame, layout, with_text, nested=(), with_times=True):
        root = len(archive) - 8 * (1 + len(nested) + with_text)
        need(root >= 0, "the payload is too short")
        size = struct.calcsize(layout)
        at, count = vector(archive, root, size)
        need(count == frame.rows, "a wrong number of rows")
        self.rows = struct.iter_unpack(layout, archive[at : at + size * count])
        self.frame, self.last_ns, self.text, self.used = frame, 0, b"", 0
        self.nested = [Nested(archive, root + 8 + 8 * n, of) for n, of in enumerate(nested)]
        self.with_times = with_times
        if with_text:
            at, count = vector(archive, len(archive) - 8, 1)
            self.text = archive[at : at + count]

    def __iter__(self):
        """Rows; those with times begin with them and are in order of them."""
        for row in self.rows:
            if self.with_times:
                self.check(row[0])
                need(row[0] >= self.last_ns, "rows are not in order of time")
                self.last_ns = row[0]
            yield row
        for nested in self.nested:
            nested.finish()
        need(self.used == len(self.text), "the text is longer than its strings")

    def check(self, time):
        inside = self.frame.first_ns <= time <= self.frame.last_ns
        need(inside, "a time is out of the range of the frame")

    def bytes(self, offset, length):
        need(offset == self.used, "a string is not behind the one before")
        self.used += length
        need(self.used <= len(self.text), "a string reaches behind the text")
        return self.text[offset : offset + length]

    def string(self, offset, length):
        return "".join(
            chr(byte) if 0x20 <= byte < 0x7F and byte not in b',"\\' else f"\\x{byte:02x}"
            for byte in self.bytes(offset, length)
        )


def known(value, unknown):
    return "" if value == unknown else value


def oom(archive, frame, _page_size):
    rows = Rows(archive, frame, "<6Q4Ii3I", True)
    for time, *kib, pid, by_pid, by_tid, uid, adjustment, offset, length, _ in rows:
        name = rows.string(offset, length)
        sizes = ",".join(str(known(size, U64)) for size in kib)
        uid, adjustment = known(uid, U32), known(adjustment, -(1 << 31))
        yield f"{time},{pid},{name},{by_pid},{by_tid},{sizes},{uid},{adjustment}"


def marks(archive, frame, _page_size):
    rows = Rows(archive, frame, "<QII", True)
    for time, offset, length in rows:
        yield f"{time},{rows.string(offset, length)}"


def calls(archive, frame, _page_size):
    rows = Rows(archive, frame, "<5Qq4I", False)
    for time, end, addr, length, new_length, result, kind, pid, tid, argument in rows:
        need(kind < 3, "a call has an unknown kind")
        if end == U64:
            end = result = ""
        else:
            rows.check(end)
        name = ("munmap", "mremap", "madvise")[kind]
        yield f"{time},{end},{pid},{tid},{name},{addr:#x},{length},{new_length},{argument},{result}"


def stack_pointers(archive, frame, _page_size):
    for time, pointer, pid, tid in Rows(archive, frame, "<QQII", False):
        yield f"{time},{pid},{tid},{pointer:#x}"


def cgroups(archive, frame, _page_size):
    rows = Rows(archive, frame, "<Q4I", True)
    for time, pid, offset, length, _ in rows:
        yield f"{time},{pid},{rows.string(offset, length)}"


def callchains(archive, frame, _page_size):
    rows = Rows(archive, frame, "<4I", False, ["<Q"], with_times=False)
    for number, cut, *counts in rows:
        need(number > 0, "a call chain has the number 0")
        need(cut < 2, "a flag is neither 0 nor 1")
        need(sum(counts) > 0, "a call chain is empty")
        parts = (rows.nested[0].take(count) for count in counts)
        kernel, user = (" ".join(f"{address:#x}" for (address,) in part) for part in parts)
        yield f"{number},{cut},{kernel},{user}"


MODULE_KINDS = ("elf", "kernel", "vdso", "perf-map")
MODULE_STATES = ("read", "not-opened", "replaced", "malformed")


def all_of_modules(archive, frame):
    """Number, line of the table, segments and sections with their names of each module."""
    rows = Rows(archive, frame, "<Q12I", True, ["<4QII", "<2Q4I"], with_times=False)
    for inode, number, kind, state, pid, major, minor, segments, sections, *strings in rows:
        need(kind < len(MODULE_KINDS), "a module has an unknown kind")
        need(state < len(MODULE_STATES), "a module has an unknown state")
        path, build_id = rows.string(*strings[:2]), rows.bytes(*strings[2:]).hex()
        need(len(build_id) <= 2 * 64, "a build id is too long")
        segments = rows.nested[0].take(segments)
        for file_offset, file_bytes, address, memory_bytes, _, _ in segments:
            fits = max(file_offset + file_bytes, address + memory_bytes) <= U64
            need(fits, "a segment exceeds the address space")
        named, before = [], 0
        for address, length, no_bits, tls, *name in rows.nested[1].take(sections):
            need(address + length <= U64, "a section exceeds the address space")
            need(address >= before, "the sections are not in order of address")
            need(max(no_bits, tls) < 2, "a flag is neither 0 nor 1")
            named.append((rows.string(*name), address, length, no_bits, tls))
            before = address
        line = f"{MODULE_KINDS[kind]},{MODULE_STATES[state]},{pid},{major},{minor},{inode}"
        line += f",{path},{build_id}"
        yield number, line, segments, named


def modules(archive, frame, _page_size):
    for number, line, _, _ in all_of_modules(archive, frame):
        yield f"{number},{line}"


def segments(archive, frame, _page_size):
    for number, _, of_module, _ in all_of_modules(archive, frame):
        for file_offset, file_bytes, address, memory_bytes, prot, _ in of_module:
            yield f"{number},{file_offset:#x},{file_bytes},{address:#x},{memory_bytes},{prot}"


def sections(archive, frame, _page_size):
    for number, _, _, of_module in all_of_modules(archive, frame):
        for name, address, length, no_bits, tls in of_module:
            yield f"{number},{name},{address:#x},{length},{no_bits},{tls}"


def symbols(archive, frame, _page_size):
    rows = Rows(archive, frame, "<QQ8I", True, with_times=False)
    for address, size, module, kind, line, *strings, _ in rows:
        need(kind < 2, "a symbol has an unknown kind")
        name, file = rows.string(*strings[:2]), rows.string(*strings[2:])
        kind = ("function", "object")[kind]
        yield f"{module},{kind},{address:#x},{size},{name},{file},{known(line, 0)}"


def gaps(archive, frame, _page_size):
    rows = Rows(archive, frame, "<5Q2I", False, with_times=False)
    for after, before, frames, count, size, kind, reason in rows:
        need(after <= before, "a gap ends before it begins")
        need(kind < 1 << 16, "a gap has no kind of frame")
        need(reason < 5, "a gap has an unknown reason")
        reason = ("missing", "checksum", "rule", "parts", "cut")[reason]
        before, kind = known(before, U64), known(kind, 0)
        yield f"{after},{before},{kind},{known(frames, 0)},{known(count, U64)},{size},{reason}"


# Kind and version of the frames, their reader, columns.
TABLES = {
    "faults": (
        (5, 1),
        faults,
        "time_ns,latency_ns,addr,ip,pid,tid,flags,attempts,cpu,call_chain,node",
    ),
    "oom": (
        (11, 1),
        oom,
        "time_ns,pid,comm,by_pid,by_tid,total_vm_kib,anon_rss_kib,file_rss_kib,shmem_rss_kib,"
        "pgtables_kib,uid,oom_score_adj",
    ),
    "marks": ((12, 1), marks, "time_ns,name"),
    "calls": (
        (13, 1),
        calls,
        "time_ns,end_ns,pid,tid,kind,addr,len_bytes,new_len_bytes,argument,result",
    ),
    "stack_pointers": ((14, 1), stack_pointers, "time_ns,pid,tid,stack_pointer"),
    "callchains": ((8, 1), callchains, "id,cut,kernel,user"),
    "modules": (
        (9, 1),
        modules,
        "id,kind,state,pid,dev_major,dev_minor,inode,path,build_id",
    ),
    "segments": (
        (9, 1),
        segments,
        "module,file_offset,file_bytes,address,memory_bytes,prot",
    ),
    "sections": ((9, 1), sections, "module,name,address,bytes,no_bits,tls"),
    "symbols": ((10, 1), symbols, "module,kind,address,size_bytes,name,file,line"),
    "gaps": ((15, 1), gaps, "after_ns,before_ns,kind,frames,rows,bytes,reason"),
    "cgroups": ((16, 1), cgroups, "time_ns,pid,path"),
}
