/* orphans SECONDS RATE: makes so many a second: children of a process that ends before they do, or just after.
   Built by the tests, without libraries of the host's. Prints how many there were, then stays. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 50 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    if (count != 3) return 64;
    double seconds = atof(words[1]), rate = atof(words[2]), began = now();
    long made = 0;
    while (now() < began + seconds) {
        pid_t mother = fork();
        if (mother == 0) {
            for (int child = 0; child < AT_ONCE; child++)
                if (fork() == 0) _exit(0);
            _exit(0);
        }
        if (mother > 0) {
            waitpid(mother, 0, 0);
            made += AT_ONCE;
        }
        double early = made / rate - (now() - began);
        if (early > 0) {
            struct timespec time = {0, (long)(early * 1e9)};
            nanosleep(&time, 0);
        }
    }
    printf("made %.0f a second\n", made / (now() - began));
    fflush(stdout);
    pause();
    return 0;
}
