/* Stands in for /dev/udmabuf and /dev/dma_heap, which libcamera's virtual pipeline takes its
 * buffers from and which few kernels in containers have. Buffers become anonymous files.
 *
 *   gcc -shared -fPIC -o shim.so shim.c     LD_PRELOAD=/…/shim.so python …
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char HEAPS[] = "/dev/dma_heap/";

static int is_allocator(const char *path)
{
	return path && (!strcmp(path, "/dev/udmabuf") || !strncmp(path, HEAPS, sizeof(HEAPS) - 1));
}

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
	/* Any descriptor will do: only ioctl() below ever sees it. */
	return is_allocator(path) ? memfd_create("allocator", MFD_CLOEXEC) : real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_as("open64", path, flags, mode);
}

static int allocate(struct dma_heap_allocation_data *wanted)
{
	int buffer = memfd_create("dma-heap buffer", MFD_CLOEXEC);
	if (buffer < 0)
		return -1;
	if (ftruncate(buffer, wanted->len) < 0) {
		close(buffer);
		return -1;
	}
	wanted->fd = buffer;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	switch (request) {
	case UDMABUF_CREATE:
		return fcntl(((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
	case DMA_HEAP_IOCTL_ALLOC:
		return allocate(argument);
	case DMA_BUF_IOCTL_SYNC:
	/* A name is for debugging; its number depends on the machine's word size. */
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return 0;
	default:
		return syscall(SYS_ioctl, fd, request, argument);
	}
}
