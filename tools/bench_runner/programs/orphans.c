/* Makes orphans as fast as it can for BENCH_SECONDS, tells in BENCH_RESULT how many, and waits to be ended.
 *
 * A child leaves a child of its own behind and ends; that one ends a moment later, as a child of process 1. Where no
 * more processes fit, because those that ended are not taken, it waits a little and goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
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
    const char *given = getenv("BENCH_SECONDS");
    double seconds = given ? atof(given) : 1.0, began = now();
    long made = 0, refused = 0;
    struct timespec millisecond = {0, 1000000};
    signal(SIGTERM, end);
    while (now() - began < seconds) {
        pid_t child = fork();
        int status;
        if (child < 0) {
            refused++;
            nanosleep(&millisecond, NULL);
            continue;
        }
        if (child == 0)
            _exit(fork() < 0);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        if (status == 0)
            made++;
        else
            refused++;
    }
    tell("%ld %.6f %ld\n", made, now() - began, refused);
    for (;;)
        pause();
}
