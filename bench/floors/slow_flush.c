/* Preloaded into a database: a flush to disk takes at least as long as the file of FLUSH_US_FILE says, in microseconds.
 * The file is mapped, so that one running process can be measured with several. The flush itself is done as ever. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int32_t *at_least_us;

__attribute__((constructor)) static void map_duration(void) {
    const char *path = getenv("FLUSH_US_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof *at_least_us, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED)
        at_least_us = page;
    close(file);
}

static int flushed(long number, int file) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int result = (int)syscall(number, file);
    if (at_least_us && *at_least_us > 0) {
        until.tv_nsec += *at_least_us * 1000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
            ;
    }
    return result;
}

int fsync(int file) { return flushed(SYS_fsync, file); }

int fdatasync(int file) { return flushed(SYS_fdatasync, file); }
