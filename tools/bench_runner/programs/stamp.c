/* Adds a line to the file that it is given: the time, in seconds since 1970. What a cron job does here. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
    char text[40];
    struct timespec t;
    int length, file;
    clock_gettime(CLOCK_REALTIME, &t);
    if (count != 2 || (file = open(arguments[1], O_WRONLY | O_APPEND)) < 0)
        return 1;
    length = snprintf(text, sizeof text, "%lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
    return write(file, text, (size_t)length) != length;
}
