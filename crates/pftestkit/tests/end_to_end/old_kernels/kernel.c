/* What an older kernel refuses, put before this one: preloaded into a program that calls syscall(2). Of
 * perf_event_open it checks what perf_copy_attr() of kernel/events/core.c checks, against the words of its environment:
 *
 *   KERNEL_ATTR_SIZE    size of struct perf_event_attr: what lies behind must be zero (E2BIG)
 *   KERNEL_SAMPLE_TYPE  bits of sample_type that are known (else EINVAL)
 *   KERNEL_READ_FORMAT  bits of read_format that are known (else EINVAL)
 *   KERNEL_FLAGS        bits of the word of flags that are known (else EINVAL)
 *
 * KERNEL_REFUSED names a file to which it adds a line for each refusal. The calls that an older kernel does not have are
 * KERNEL_WITHOUT_PIDFD, KERNEL_WITHOUT_OPENAT2 (ENOSYS) and KERNEL_WITHOUT_PROCMAP_QUERY (ENOTTY): these are refused by a
 * filter of seccomp(2), whoever makes them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* PROCMAP_QUERY of linux/fs.h, _IOWR('f', 17, struct procmap_query). */
#define PROCMAP_QUERY 0xc0686611u

static uint64_t word(const char *name)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 0) : UINT64_MAX;
}

static long refuse(int answer, const char *what, uint64_t value)
{
	const char *path = getenv("KERNEL_REFUSED");
	FILE *file = path ? fopen(path, "a") : NULL;
	if (file) {
		fprintf(file, "%s %#llx\n", what, (unsigned long long)value);
		fclose(file);
	}
	errno = answer;
	return -1;
}

static int is_refused(unsigned char *bytes, long *result)
{
	uint64_t size = word("KERNEL_ATTR_SIZE");
	uint64_t sample_type, read_format, flags;
	uint32_t given;
	memcpy(&given, bytes + offsetof(struct perf_event_attr, size), sizeof given);
	for (uint64_t at = size; at < given; at++) {
		if (bytes[at]) {
			*result = refuse(E2BIG, "size", given);
			return 1;
		}
	}
	memcpy(&sample_type, bytes + offsetof(struct perf_event_attr, sample_type), 8);
	memcpy(&read_format, bytes + offsetof(struct perf_event_attr, read_format), 8);
	/* The flags have no name: they follow. */
	memcpy(&flags, bytes + offsetof(struct perf_event_attr, read_format) + 8, 8);
	sample_type &= ~word("KERNEL_SAMPLE_TYPE");
	read_format &= ~word("KERNEL_READ_FORMAT");
	flags &= ~word("KERNEL_FLAGS");
	if (sample_type)
		*result = refuse(EINVAL, "sample_type", sample_type);
	else if (read_format)
		*result = refuse(EINVAL, "read_format", read_format);
	else if (flags)
		*result = refuse(EINVAL, "flags", flags);
	return sample_type || read_format || flags;
}

long syscall(long number, ...)
{
	static long (*kernel)(long, ...);
	long arguments[6], result;
	va_list list;
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!kernel)
		*(void **)&kernel = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_perf_event_open && is_refused((unsigned char *)arguments[0], &result))
		return result;
	return kernel(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		      arguments[5]);
}

static void filter(struct sock_filter *program, unsigned short length)
{
	struct sock_fprog given = { length, program };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &given))
		abort();
}

static void without(uint32_t number)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	filter(program, sizeof program / sizeof *program);
}

static void without_query(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROCMAP_QUERY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	filter(program, sizeof program / sizeof *program);
}

__attribute__((constructor)) static void begin(void)
{
	if (getenv("KERNEL_WITHOUT_PIDFD"))
		without(SYS_pidfd_open);
	if (getenv("KERNEL_WITHOUT_OPENAT2"))
		without(SYS_openat2);
	if (getenv("KERNEL_WITHOUT_PROCMAP_QUERY"))
		without_query();
}
