/* Functions and data objects at known lines; the labels name addresses for the test. */
__attribute__((noinline)) int *opaque(int *value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

static inline __attribute__((always_inline)) int innermost(int *value)
{
	__asm__ volatile("in_innermost: nop");
	return *value;
}

static inline __attribute__((always_inline)) int middle(int *value)
{
	int found = innermost(value);
	__asm__ volatile("in_middle: nop");
	return found;
}

__attribute__((noinline)) int outer(int *value)
{
	int found = middle(opaque(value));
	__asm__ volatile("in_outer: nop");
	return found;
}

int cpp_function(int, _Bool) __asm__("_ZN5space3fooEib");
__attribute__((noinline)) int cpp_function(int a, _Bool b)
{
	__asm__ volatile("in_cpp: nop");
	return a + b;
}

int rust_function(void) __asm__("_RNvCs1234_7mycrate3foo");
__attribute__((noinline)) int rust_function(void)
{
	__asm__ volatile("in_rust: nop");
	return 1;
}

int old_rust_function(void) __asm__("_ZN7mycrate3bar17h0123456789abcdefE");
__attribute__((noinline)) int old_rust_function(void)
{
	__asm__ volatile("in_old_rust: nop");
	return 1;
}

int in_data[4] = {1, 2, 3, 4};
static int in_bss[1000];
const int in_rodata[8] = {1};
__thread int in_tls[8];
int cpp_object __asm__("_ZN5space6objectE") = 3;

/* Written in assembly without a size, the second one followed by an object without one. */
__asm__(".text\n.type sizeless, @function\nsizeless: nop\nin_sizeless: nop\n"
	".type next_sizeless, @function\nnext_sizeless: nop\n"
	".data\n.type no_size, @object\nno_size: .quad 1\nin_no_size: .quad 2\n.text\n");

int main(int argc, char **argv)
{
	(void)argv;
	in_bss[argc] = outer(&in_data[argc]);
	in_tls[argc] = cpp_function(argc, 1) + rust_function() + old_rust_function();
	return *opaque(&in_bss[argc]) + in_rodata[argc] + *opaque(&in_tls[argc]) + cpp_object;
}
