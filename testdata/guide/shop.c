/* The program of the user guide: a small shop that answers requests from a mapped table, with the page faults that
 * servers have. scripts/guide/record-traces builds it, makes its files and records it.
 *
 *     shop [leak] [save] [wait]
 *
 *     leak    remember something about each request, for ever
 *     save    write a copy of the index from a forked child while requests are answered
 *     wait    print `ready` and wait for a line before the first request, and for another one at the end
 *
 * Built with -DAHEAD it reads the whole table before the first request, with -DAHEAD=2 in large pieces.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 2
#define REQUESTS 300

struct session {
    struct session *next;
    char basket[8000];
};

struct file {
    unsigned char *bytes;
    size_t size;
};

static struct file orders;
static struct file index_of_orders;
static unsigned long sold[64 << 10];
static int leak;
static _Thread_local struct session *sessions;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_file(const char *path, size_t *size) {
    struct stat about;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &about) != 0)
        fail(path);
    *size = about.st_size;
    return fd;
}

static struct file map_table(const char *path) {
    struct file table;
    int fd = open_file(path, &table.size);
    table.bytes = mmap(NULL, table.size, PROT_READ, MAP_SHARED, fd, 0);
    if (table.bytes == MAP_FAILED || madvise(table.bytes, table.size, MADV_RANDOM) != 0)
        fail(path);
    close(fd);
    return table;
}

#ifdef AHEAD
static void read_ahead(struct file table) {
    /* While MADV_RANDOM holds, MADV_POPULATE_READ reads a page at a time, like the faults. */
    if (AHEAD == 2 && madvise(table.bytes, table.size, MADV_NORMAL) != 0)
        fail("MADV_NORMAL");
    if (madvise(table.bytes, table.size, MADV_POPULATE_READ) != 0)
        fail("MADV_POPULATE_READ");
}
#endif

/* read(2) into fresh memory: the kernel faults on behalf of the program. */
static struct file load_index(const char *path) {
    struct file loaded;
    int fd = open_file(path, &loaded.size);
    loaded.bytes = mmap(NULL, loaded.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (loaded.bytes == MAP_FAILED)
        fail("memory for the index");
    for (size_t done = 0; done < loaded.size;) {
        ssize_t got = read(fd, loaded.bytes + done, loaded.size - done);
        if (got <= 0)
            fail(path);
        done += got;
    }
    close(fd);
    return loaded;
}

static unsigned lookup(size_t key) { return orders.bytes[key % orders.size]; }

static void update_index(size_t key, unsigned value) { index_of_orders.bytes[key % index_of_orders.size] = value; }

static void remember_session(size_t key) {
    struct session *session = malloc(sizeof *session);
    if (!session)
        fail("memory for a session");
    memset(session->basket, key, sizeof session->basket);
    session->next = sessions;
    sessions = session;
}

static void handle_request(size_t key) {
    unsigned value = lookup(key);
    update_index(key >> 7, value);
    sold[key % (sizeof sold / sizeof *sold)] += value;
    if (leak)
        remember_session(key);
}

static void *worker(void *seed) {
    unsigned long state = (unsigned long)seed;
    for (int n = 0; n < REQUESTS; n++) {
        state = state * 6364136223846793005UL + 1442695040888963407UL;
        handle_request(state >> 33);
    }
    return NULL;
}

static pid_t save_index(const char *path) {
    pid_t child = fork();
    if (child != 0)
        return child;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, index_of_orders.bytes, index_of_orders.size) < 0 || fsync(fd) != 0)
        fail(path);
    _exit(0);
}

static void next_line(void) {
    char line[16];
    if (!fgets(line, sizeof line, stdin))
        fail("standard input");
}

int main(int count, char **words) {
    int save = 0, wait = 0;
    for (int n = 1; n < count; n++) {
        leak |= strcmp(words[n], "leak") == 0;
        save |= strcmp(words[n], "save") == 0;
        wait |= strcmp(words[n], "wait") == 0;
    }
    orders = map_table("orders.db");
    index_of_orders = load_index("orders.index");
    if (wait) {
        puts("ready");
        fflush(stdout);
        next_line();
    }
#ifdef AHEAD
    read_ahead(orders);
#endif
    pthread_t threads[WORKERS];
    for (unsigned long n = 0; n < WORKERS; n++) {
        if (pthread_create(&threads[n], NULL, worker, (void *)(n + 1)) != 0)
            fail("pthread_create");
        pthread_setname_np(threads[n], "shop-worker");
    }
    pid_t child = save ? save_index("orders.index.saved") : 0;
    for (int n = 0; n < WORKERS; n++)
        pthread_join(threads[n], NULL);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (wait)
        next_line();
    return 0;
}
