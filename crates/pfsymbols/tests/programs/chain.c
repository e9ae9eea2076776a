/* Calls a -> b -> c; c writes its registers and the stack above it to argv[1], its maps to argv[2]. */
#include <fcntl.h>
#include <unistd.h>

extern char **environ;
static const char *dump_path, *maps_path;

static void dump(const unsigned long *registers)
{
	char maps[4096];
	ssize_t bytes;
	int to = open(dump_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	const char *stack = (const char *)registers[1];
	if (write(to, registers, 4 * sizeof *registers) < 0)
		_exit(1);
	if (write(to, stack, (const char *)environ - stack) < 0)
		_exit(1);
	close(to);
	int from = open("/proc/self/maps", O_RDONLY);
	to = open(maps_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	while ((bytes = read(from, maps, sizeof maps)) > 0)
		if (write(to, maps, bytes) != bytes)
			_exit(1);
}

__attribute__((noinline)) int c(int depth)
{
	unsigned long registers[4] = {0};
#if defined(__x86_64__)
	__asm__ volatile("lea 0f(%%rip), %0\n0: mov %%rsp, %1\n mov %%rbp, %2"
			 : "=&r"(registers[0]), "=&r"(registers[1]), "=&r"(registers[2]));
#elif defined(__aarch64__)
	__asm__ volatile("adr %0, 0f\n0: mov %1, sp\n mov %2, x29\n mov %3, x30"
			 : "=&r"(registers[0]), "=&r"(registers[1]), "=&r"(registers[2]), "=&r"(registers[3]));
#endif
	dump(registers);
	return depth + 1;
}

__attribute__((noinline)) int b(int depth)
{
	volatile char frame[300];
	frame[depth] = 1;
	return c(depth + 1) + frame[depth];
}

__attribute__((noinline)) int a(int depth)
{
	return b(depth + 1) + 1;
}

int main(int argc, char **argv)
{
	dump_path = argv[1];
	maps_path = argv[2];
	return a(argc) == 0;
}
