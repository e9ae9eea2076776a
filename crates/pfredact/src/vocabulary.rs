//! What everybody knows: names that stay because they say nothing about whoever recorded.

use pft::keys::fact;

/// Folders of the system whose content is public.
pub(crate) const PUBLIC_FOLDERS: &[&str] = &[
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/libexec",
    "/usr/share",
    "/usr/include",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    // Sources of the standard library of Rust, as its debug information names them.
    "/rustc",
];

/// Folders inside of them where people install what they please.
pub(crate) const PRIVATE_BELOW: &[&str] =
    &["site-packages", "dist-packages", "node_modules", "gems", "local", "perl5", "R", "cgi-bin"];

/// Folders whose own name is public while nothing in them is.
pub(crate) const KNOWN_FOLDERS: &[&str] = &[
    "/usr", "/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib",
    "/usr/local/lib64", "/usr/local/share", "/usr/local/include", "/usr/src", "/home", "/root",
    "/opt", "/srv", "/mnt", "/media", "/run", "/run/user", "/run/media", "/tmp", "/var", "/var/home",
    "/var/lib", "/var/cache", "/var/log", "/var/run", "/var/tmp", "/var/www", "/etc", "/proc",
    "/proc/self", "/sys", "/dev", "/dev/shm", "/dev/hugepages", "/dev/dri", "/dev/mapper",
    "/dev/infiniband", "/dev/snd", "/nix", "/nix/store", "/snap", "/boot", "/export",
    "/export/home", "/usr/home", "/Users",
];

/// Folders in which each folder has the name of a user, or the number.
pub(crate) const HOMES: &[&str] = &[
    "/home", "/var/home", "/export/home", "/usr/home", "/Users", "/media", "/run/media", "/run/user",
];

/// Devices, without their numbers.
pub(crate) const DEVICES: &[&str] = &[
    "zero", "null", "full", "mem", "kmem", "random", "urandom", "kvm", "fuse", "card", "renderD",
    "nvidia", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "kfd", "uverbs", "udmabuf", "video",
    "fb", "hugepages", "shm", "dri", "infiniband", "snd", "vfio", "uio", "dax", "pmem", "vhost-net",
];

/// File name extensions that say what a file is, not whose.
pub(crate) const EXTENSIONS: &[&str] = &[
    "a", "aof", "arrow", "avro", "bak", "bin", "bmp", "bson", "bundle", "bz2", "c", "cache", "cc",
    "cfg", "class", "conf", "cpp", "csv", "cu", "cxx", "dat", "data", "db", "db-shm", "db-wal",
    "deb", "dir", "dll", "dwo", "dwp", "dylib", "el", "elc", "elf", "exe", "f", "f90", "feather",
    "gguf", "gif", "gmo", "go", "gz", "h", "h5", "hdf5", "hh", "hpp", "hs", "html", "hxx", "idx",
    "img", "index", "inl", "ini", "ipp", "iso", "jar", "java", "jmod", "jpeg", "jpg", "jit", "js",
    "json", "jsonl", "ko", "kt", "ldb", "lmdb", "lock", "log", "lua", "lz4", "m", "map", "md",
    "mdb", "mjs", "ml", "mm", "mmap", "mo", "mp3", "mp4", "node", "npy", "npz", "o", "onnx", "orc",
    "otf", "out", "parquet", "pb", "pch", "pdb", "pdf", "pem", "php", "pid", "pkl", "pl", "pm",
    "png", "proto", "pt", "pth", "py", "pyc", "pyd", "qcow2", "raw", "rb", "rdb", "rlib", "rpm",
    "rs", "s", "safetensors", "scala", "sh", "shm", "sock", "sql", "sqlite", "sqlite3", "sst",
    "svg", "swift", "swp", "tar", "tcl", "tflite", "tgz", "tmp", "toml", "ts", "ttc", "ttf", "txt",
    "vdi", "vmdk", "wal", "wasm", "wav", "whl", "woff", "xml", "xz", "yaml", "yml", "zip", "zst",
];

/// Names of the kernel for memory.
pub(crate) const MEMORY_NAMES: &[&str] = &[
    "[heap]", "[stack]", "[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[vectors]", "[sigpage]",
    "[uprobes]", "[kernel]",
];

/// What glibc and Bionic call memory, apart from a thread's number behind it.
pub(crate) const ALLOCATOR_NAMES: &[&str] = &[
    " glibc: malloc", " glibc: malloc arena", " glibc: loader malloc", " glibc: pthread stack",
    " glibc: pthread user stack", " glibc: fopen64", " glibc: getdelim", "stack_and_tls",
    "stack_and_tls:main", "libc_malloc", "scudo", "dalvik-main space",
];

/// Beginnings of names of anonymous memory that the analysis goes by.
pub(crate) const STACK_NAMES: &[&str] = &["stack", " glibc: pthread stack"];

/// Sections that compilers and linkers make.
pub(crate) const SECTIONS: &[&str] = &[
    ".text", ".text.hot", ".text.unlikely", ".text.startup", ".text.exit", ".data", ".data.rel.ro",
    ".data.rel.local", ".data1", ".bss", ".lbss", ".ldata", ".lrodata", ".rodata", ".rodata1", ".init",
    ".fini", ".plt", ".plt.got", ".plt.sec", ".iplt", ".got", ".got.plt", ".eh_frame",
    ".eh_frame_hdr", ".gcc_except_table", ".tdata", ".tbss", ".init_array", ".fini_array",
    ".preinit_array", ".ctors", ".dtors", ".jcr", ".tm_clone_table", ".dynamic", ".dynsym",
    ".dynstr", ".hash", ".gnu.hash", ".gnu.version", ".gnu.version_r", ".gnu.version_d",
    ".gnu.conflict", ".gnu.liblist", ".gnu.build.attributes", ".interp", ".rela.dyn", ".rela.plt",
    ".relr.dyn", ".rel.dyn", ".rel.plt", ".relro_padding", ".note", ".note.gnu.build-id", ".note.ABI-tag",
    ".note.gnu.property", ".note.package", ".note.stapsdt", ".probes", ".stapsdt.base",
    ".altinstructions", ".altinstr_replacement", ".sbss", ".sdata", ".debug_gdb_scripts",
    ".go.buildinfo", ".go.fipsinfo", ".noptrdata", ".noptrbss", ".gopclntab", ".gosymtab",
    ".typelink", ".itablink", ".nv_fatbin", "__libc_freeres_fn", "__libc_atexit",
    "__libc_subfreeres", "__libc_IO_vtables", "__libc_freeres_ptrs",
];

/// Words of languages and of demanglers, and functions that every program has.
pub(crate) const LANGUAGE: &[&str] = &[
    "main", "_start", "_init", "_fini", "std", "core", "alloc", "operator", "new", "delete", "const",
    "volatile", "unsigned", "signed", "void", "bool", "char", "short", "int", "long", "float", "double",
    "auto", "this", "anonymous", "namespace", "lambda", "clone", "closure", "virtual", "thunk",
    "non", "to", "vtable", "for", "typeinfo", "name", "guard", "variable", "construction", "impl",
    "as", "dyn", "fn", "mut", "unsafe", "extern", "u8", "u16", "u32", "u64", "u128", "usize", "i8",
    "i16", "i32", "i64", "i128", "isize", "f32", "f64", "str", "self", "Self", "crate", "cold",
    "part", "isra", "constprop", "lto_priv", "llvm", "_", "__1", "cxx11", "__cxx11", "nullptr_t",
    "unnamed", "type", "decltype", "true", "false", "k",
];

/// Words of kernel releases and versions as distributions make them.
pub(crate) const RELEASE: &[&str] = &[
    "SMP", "PREEMPT", "PREEMPT_DYNAMIC", "PREEMPT_RT", "RT", "Debian", "Ubuntu", "generic", "amd64",
    "arm64", "x86_64", "aarch64", "cloud", "aws", "azure", "gcp", "gke", "oracle", "kvm",
    "lowlatency", "rt", "default", "arch", "lts", "pve", "microsoft", "standard", "WSL2", "UTC",
    "deb11", "deb12", "deb13", "deb11u1", "deb12u1", "deb13u1", "bpo", "bpo12", "fc", "el7", "el8",
    "el9", "el10", "hardened", "zen", "rpi", "raspi", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
    "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Words of control groups.
pub(crate) const GROUPS: &[&str] = &[
    "slice", "scope", "service", "user", "system", "session", "init", "docker", "kubepods", "pod",
    "besteffort", "burstable", "guaranteed", "machine", "sys", "fs", "cgroup", "unified", "memory",
    "cpu",
];

/// Accounts and hosts that are called so everywhere: they name nobody, and are words of other names.
pub(crate) const GENERIC_NAMES: &[&str] = &[
    "root", "user", "users", "admin", "guest", "nobody", "test", "build", "builder", "runner",
    "vagrant", "ubuntu", "debian", "fedora", "linux", "home", "localhost", "localdomain", "local",
    "lan", "internal", "com", "net", "org", "host", "server", "shared", "public", "work", "vscode",
    "dev", "data", "main", "lib", "src", "python", "node", "java", "x86_64", "amd64",
];

/// Facts that stay as they are: counts, settings of the kernel and of the recorder.
pub(crate) const PLAIN_FACTS: &[&str] = &[
    fact::RECORDING_ENDED_BY,
    fact::PFT_VERSION,
    fact::MACHINE_ARCH,
    fact::MACHINE_CPUS,
    fact::MACHINE_MEMORY_BYTES,
    fact::MACHINE_CPU_NODES,
    fact::TARGET_KIND,
    fact::TARGET_FOLLOW,
    fact::TARGET_EXIT_STATUS,
    fact::CAPTURE_ENTRY_EVENT,
    fact::CAPTURE_KERNEL_MODE,
    fact::CAPTURE_ERROR_CODE,
    fact::CAPTURE_PRIVILEGED,
    fact::CAPTURE_REACH,
    fact::CAPTURE_LATENCY,
    fact::CAPTURE_MAJOR_ONLY,
    fact::CAPTURE_USER_ONLY,
    fact::CAPTURE_MIN_LATENCY_NS,
    fact::CAPTURE_DELAY_NS,
    fact::CAPTURE_MAPS_INTERVAL_NS,
    fact::CAPTURE_CALLS,
    fact::CAPTURE_OOM,
    fact::CAPTURE_CALL_GRAPH,
    fact::CAPTURE_STACK_SHARE,
    fact::CAPTURE_STACK_BYTES,
    fact::CAPTURE_PAGE_NODES,
    fact::FLIGHT_WINDOW_NS,
    fact::FLIGHT_WRITTEN_ON,
    fact::FLIGHT_LIMITED_BY,
    fact::CAPTURE_PERF_EVENT_PARANOID,
    fact::RING_BYTES_PER_CPU,
    fact::RING_REQUESTED_BYTES_PER_CPU,
    fact::LATENCY_BIAS_NS,
    fact::LATENCY_BIAS_SPREAD_NS,
    fact::TRACE_COMPRESSION_LEVEL,
    fact::VM_THP_ENABLED,
    fact::VM_SWAPPINESS,
    fact::VM_OVERCOMMIT_MEMORY,
    fact::VM_ZSWAP_ENABLED,
    fact::VM_SWAP_TOTAL_BYTES,
    fact::VM_NUMA_BALANCING,
    fact::RLIMIT_STACK_BYTES,
];

/// Whether a list holds a word.
pub(crate) fn has(list: &[&str], word: &[u8]) -> bool {
    list.iter().any(|known| known.as_bytes() == word)
}
