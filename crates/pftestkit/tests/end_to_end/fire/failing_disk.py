"""A file system of one file, run.pft, that fails as a control file says.

Usage: failing_disk.py FOLDER CONTROL. The control file holds one of: ok; eio (every write fails);
enospc (every write fails until the file is cut); stuck (writes wait until it says something else); fsync (what was
written cannot be synced).
"""
import ctypes, errno, os, struct, sys, time

folder, control = sys.argv[1], sys.argv[2]
data, exists, has_room = bytearray(), False, False
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"failing", folder.encode(), b"fuse", 0, options) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("ready", flush=True)


def state():
    with open(control) as file:
        return file.read().strip()


def attributes(node):
    mode, size = (0o40755, 0) if node == 1 else (0o100600, len(data))
    links = 1 if node == 1 or exists else 0
    numbers = (node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)
    return struct.pack("<6Q10I", *numbers)


def entry():
    return struct.pack("<4Q2I", 2, 0, 0, 0, 0, 0) + attributes(2)


def write(body):
    global data
    # Not for ever: whoever waits for it cannot even be killed.
    until = time.monotonic() + 120
    while state() == "stuck" and time.monotonic() < until:
        time.sleep(0.01)
    if state() == "eio":
        return -errno.EIO
    if state() == "enospc" and not has_room:
        return -errno.ENOSPC
    offset, size = struct.unpack_from("<QI", body, 8)
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset:offset + size] = body[40:40 + size]
    return struct.pack("<II", size, 0)


def answer(code, node, body):
    """Bytes, or an error number below nought; None where nobody waits for an answer."""
    global data, exists, has_room
    if code == 26:  # init
        return struct.pack("<4I2H2I2HI7I", 7, 31, 0, 1 << 5, 0, 0, 1 << 17, 1, 32, 0, 0, *[0] * 7)
    if code == 1:  # lookup
        return entry() if exists else -errno.ENOENT
    if code == 3:  # getattr
        return struct.pack("<QII", 0, 0, 0) + attributes(node)
    if code == 4:  # setattr
        valid, size = struct.unpack_from("<I", body)[0], struct.unpack_from("<Q", body, 16)[0]
        if valid & 8:
            has_room = True
            del data[size:]
            data.extend(bytes(size - len(data)))
        return struct.pack("<QII", 0, 0, 0) + attributes(node)
    if code == 10:  # unlink
        exists = False
        return b""
    if code == 35:  # create
        data, exists = bytearray(), True
        return entry() + struct.pack("<QII", 0, 1, 0)
    if code in (14, 27):  # open
        return struct.pack("<QII", 0, 1, 0)
    if code == 15:  # read
        offset, size = struct.unpack_from("<QI", body, 8)
        return bytes(data[offset:offset + size])
    if code == 16:
        return write(body)
    if code == 20:  # fsync
        return -errno.EIO if state() == "fsync" else b""
    if code in (18, 25, 29, 34):  # release, flush, access
        return b""
    if code == 17:  # statfs
        return struct.pack("<5Q3I28x", 0, 0, 0, 0, 0, 4096, 255, 4096)
    return None if code in (2, 36, 42) else -errno.ENOSYS


while True:
    try:
        request = os.read(device, 1 << 20)
    except OSError as error:
        if error.errno == errno.ENODEV:
            sys.exit(0)
        continue
    _, code, unique, node = struct.unpack_from("<IIQQ", request)
    told = answer(code, node, request[40:])
    if told is None:
        continue
    number, body = (told, b"") if isinstance(told, int) else (0, told)
    try:
        os.write(device, struct.pack("<IiQ", 16 + len(body), number, unique) + body)
    except OSError:
        pass  # whoever asked was killed
