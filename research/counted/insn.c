/* A plug-in for qemu: writes how many instructions were run since the last getpriority(2).
 *
 * Declares what it uses of qemu's interface, version 1, and of the C library itself, so that
 * a compiler is all it needs: cc -shared -fPIC -nostdlib. */

typedef unsigned long u64;
struct block;

extern int dprintf(int file, const char *format, ...);
extern unsigned long qemu_plugin_tb_n_insns(const struct block *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(u64 id, void (*)(u64 id, struct block *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int add, void *to, u64 what);
extern void qemu_plugin_register_vcpu_syscall_cb(
    u64 id, void (*)(u64 id, unsigned cpu, long number, u64, u64, u64, u64, u64, u64, u64, u64));

enum { ADD = 0, STDERR = 2, GETPRIORITY = 141 };

int qemu_plugin_version = 1;

static u64 counted;

static void on_translation(u64 id, struct block *block) {
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &counted, qemu_plugin_tb_n_insns(block));
}

static void on_call(u64 id, unsigned cpu, long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
                    u64 g, u64 h) {
    if (number == GETPRIORITY) {
        dprintf(STDERR, "counted: %lu\n", counted);
        counted = 0;
    }
}

int qemu_plugin_install(u64 id, const void *info, int argc, char **argv) {
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_call);
    return 0;
}
