/* Writes BENCH_LINES lines of 100 bytes, BENCH_RATE a second (0: as fast as it can), each with a write of its own, as a
 * program does that logs; tells in BENCH_RESULT how long that took, and waits to be ended.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void end(int number) {
    (void)number;
    _exit(0);
}

static long asked(const char *name, long otherwise) {
    const char *given = getenv(name);
    return given ? atol(given) : otherwise;
}

static void tell(const char *format, ...) {
    const char *path = getenv("BENCH_RESULT");
    FILE *file = fopen(path ? path : "/dev/stdout", "w");
    va_list values;
    if (!file)
        return;
    va_start(values, format);
    vfprintf(file, format, values);
    va_end(values);
    fclose(file);
}

int main(void) {
    long lines = asked("BENCH_LINES", 1000), rate = asked("BENCH_RATE", 0), line;
    char text[128];
    double began;
    signal(SIGTERM, end);
    memset(text, '.', sizeof text);
    began = now();
    for (line = 1; line <= lines; line++) {
        const char *rest = text;
        size_t left = 100;
        int length = snprintf(text, sizeof text, "line %09ld ", line);
        text[length] = '.';
        text[99] = '\n';
        while (left) {
            ssize_t written = write(1, rest, left);
            if (written < 0 && errno != EINTR)
                return 1;
            if (written > 0) {
                rest += written;
                left -= (size_t)written;
            }
        }
        if (rate && line % 100 == 0) {
            double ahead = began + (double)line / (double)rate - now();
            if (ahead > 0) {
                struct timespec t = {(time_t)ahead, (long)((ahead - (double)(time_t)ahead) * 1e9)};
                nanosleep(&t, NULL);
            }
        }
    }
    tell("%ld %.6f\n", lines, now() - began);
    for (;;)
        pause();
}
