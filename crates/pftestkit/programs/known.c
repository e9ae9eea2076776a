/*
 * Page faults of a known place in the code, in known sections of the program.
 *
 *     known DIR [--wait]
 *
 * Prints what it makes in the words of pf-workload: see the documentation of pftestkit. The path to most
 * faults is main, outer, middle, between (inlined into middle), inner. Lines that are looked for by tests
 * end with a comment in angle brackets.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096L
/* A read fault of a file maps the cached pages of this window around it, too. */
#define WINDOW (16 * PAGE)
#define PAGES 48L
#define WINDOWS 8L
#define NOINLINE __attribute__((noinline, noclone))

/* Whatever lies beside these shares no window with what is touched. */
static char table[PAGES * PAGE + 2 * WINDOW] __attribute__((aligned(WINDOW))) = {1};
static char room[PAGES * PAGE + 2 * WINDOW] __attribute__((aligned(WINDOW)));
static const char words[(WINDOWS + 2) * WINDOW] __attribute__((aligned(WINDOW))) = {1};

/* Nothing is called last in a function, so that each stays on the stack. */
#define KEEP(value) __asm__ volatile("" : "+r"(value) : : "memory")

static NOINLINE long inner(volatile char *first, long count, long stride, int write) {
    long sum = 0;
    for (long i = 0; i < count; i++) {
        volatile char *at = first + i * stride;
        if (write)
            *at = 1; /* <write> */
        else
            sum += *at; /* <read> */
    }
    KEEP(sum);
    return sum;
}

static inline __attribute__((always_inline)) long between(volatile char *first, long count,
                                                          long stride, int write) {
    long sum = inner(first, count, stride, write); /* <between> */
    KEEP(sum);
    return sum + 1;
}

static NOINLINE long middle(volatile char *first, long count, long stride, int write) {
    long sum = between(first, count, stride, write); /* <middle> */
    KEEP(sum);
    return sum + 1;
}

static NOINLINE long outer(volatile char *first, long count, long stride, int write) {
    long sum = middle(first, count, stride, write); /* <outer> */
    KEEP(sum);
    return sum + 1;
}

/* read(2) without the C library, which has no frame of its own. */
static NOINLINE long ask_kernel(int fd, char *to) {
    long got;
#ifdef __x86_64__
    __asm__ volatile("syscall"
                     : "=a"(got)
                     : "0"(SYS_read), "D"(fd), "S"(to), "d"(1)
                     : "rcx", "r11", "memory");
#else
    got = read(fd, to, 1);
#endif
    KEEP(got);
    return got;
}

static NOINLINE long ask_kernel_often(int fd, char *first, long count) {
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += ask_kernel(fd, first + i * PAGE);
    KEEP(sum);
    return sum;
}

/* Each in a window of its own, behind all other code. */
#define FAR(n)                                                                                     \
    static __attribute__((noinline, noclone, section(".text.far"), aligned(65536))) long far_##n(  \
        long value) {                                                                              \
        KEEP(value);                                                                               \
        return value + n;                                                                          \
    }
FAR(0) FAR(1) FAR(2) FAR(3) FAR(4) FAR(5) FAR(6) FAR(7)
static long (*const volatile fars[WINDOWS])(long) = {far_0, far_1, far_2, far_3,
                                                     far_4, far_5, far_6, far_7};

static NOINLINE long run_far(void) {
    long sum = 0;
    for (long i = 0; i < WINDOWS; i++)
        sum = fars[i](sum);
    KEEP(sum);
    return sum;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void expect(const volatile void *start, long bytes, const char *kind, long count) {
    printf("expect pid=%d start=%p end=%p phase=run %s count=%ld exact=construction\n", getpid(),
           start, (const volatile char *)start + bytes, kind, count);
}

static void place(const volatile void *start, long bytes, const char *kind, const char *label) {
    printf("place pid=%d start=%p end=%p kind=%s label=%s path=\n", getpid(), start,
           (const volatile char *)start + bytes, kind, label);
}

/* Anonymous memory between pages that may not be accessed, so that nothing is joined with it. */
static char *anonymous(long pages) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *all = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, flags, -1, 0);
    if (all == MAP_FAILED || mprotect(all + PAGE, pages * PAGE, PROT_READ | PROT_WRITE) != 0)
        fail("mmap");
    return all + PAGE;
}

/* A mapping of a new file that is not in the page cache, without read-ahead. */
static char *cold_file(const char *dir, long pages) {
    char path[4096];
    snprintf(path, sizeof path, "%s/known-%d.bin", dir, getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        fail(path);
    char page[PAGE];
    memset(page, 'k', sizeof page);
    for (long i = 0; i < pages; i++)
        if (write(fd, page, PAGE) != PAGE)
            fail(path);
    char *file = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED || madvise(file, pages * PAGE, MADV_RANDOM) != 0)
        fail("mmap");
    for (int attempt = 0; attempt < 10; attempt++) {
        unsigned char resident[PAGES];
        if (fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
            fail(path);
        if (mincore(file, pages * PAGE, resident) != 0)
            fail("mincore");
        if (memchr(resident, 1, pages) == NULL) {
            unlink(path);
            return file;
        }
    }
    unlink(path);
    printf("skip reason=%s: its pages stay in memory\n", dir);
    exit(77);
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    int wait = argc > 2 && strcmp(argv[2], "--wait") == 0;
    setvbuf(stdout, NULL, _IONBF, 0);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    char *anon = anonymous(PAGES), *asked = anonymous(PAGES), *cold = cold_file(argv[1], PAGES);
    char *data = table + WINDOW, *bss = room + WINDOW;
    const char *rodata = words + WINDOW;
    int zeros = open("/dev/zero", O_RDONLY);
    struct rusage before, after;
    if (zeros < 0)
        fail("/dev/zero");
    if (wait) {
        printf("ready pid=%d\n", getpid());
        getchar();
    }
    getrusage(RUSAGE_SELF, &before);
    getrusage(RUSAGE_SELF, &before);
    long sum = outer(anon, PAGES, PAGE, 1); /* <main> */
    sum += outer(data, PAGES, PAGE, 1);
    sum += outer(bss, PAGES, PAGE, 1);
    sum += outer((volatile char *)rodata, WINDOWS, WINDOW, 0);
    sum += outer(cold, PAGES, PAGE, 0);
    sum += ask_kernel_often(zeros, asked, PAGES);
    sum += run_far();
    getrusage(RUSAGE_SELF, &after);

    expect(anon, PAGES * PAGE, "class=minor cause=anon-first-touch", PAGES);
    expect(data, PAGES * PAGE, "class=minor cause=file-private-write", PAGES);
    expect(bss, PAGES * PAGE, "class=minor cause=anon-first-touch", PAGES);
    expect(rodata, WINDOWS * WINDOW, "class=minor cause=file-cached", WINDOWS);
    expect(cold, PAGES * PAGE, "class=major cause=file-read", PAGES);
    expect(asked, PAGES * PAGE, "class=minor cause=anon-first-touch", PAGES);
    expect((const void *)fars[0], WINDOWS * WINDOW, "class=minor cause=file-cached", WINDOWS);
    place(anon, PAGES * PAGE, "anon", "[anon]");
    place(data, PAGES * PAGE, "data", "known%20.data");
    place(bss, PAGES * PAGE, "bss", "known%20.bss");
    place(rodata, WINDOWS * WINDOW, "rodata", "known%20.rodata");
    place((const void *)fars[0], WINDOWS * WINDOW, "text", "known%20.text");
    printf("rusage pid=%d minflt=%ld majflt=%ld wall_ns=0\n", getpid(),
           after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt);
    printf("done pid=%d\n", getpid());
    if (wait)
        getchar();
    printf("total pid=%d minflt=0 majflt=0 children_minflt=0 children_majflt=0\n", getpid());
    return sum == 0;
}
