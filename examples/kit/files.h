/* files.h - files that are written whole or not at all, and read whole. */
#ifndef KIT_FILES_H
#define KIT_FILES_H

#include "memory.h"

/* The temporary file that a signal must not leave behind. */
static char kit_temporary[1200];

/* Seconds since some moment, for progress and timings only. */
KIT_FN double kit_clock(void)
{
#if KIT_UNIX
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
#else
    return (double)time(NULL);
#endif
}

/* A number that no other running program has. */
KIT_FN long kit_process(void)
{
#if KIT_UNIX
    return (long)getpid();
#else
    return 0;
#endif
}

/* Make the folder and those above it; errors show when a file is written. */
KIT_FN void kit_make_folder(const char *path)
{
#if KIT_UNIX
    char part[1024];
    size_t i, n = strlen(path);
    if (n >= sizeof part) return;
    for (i = 0; i <= n; ++i) {
        if (i && (path[i] == '/' || path[i] == 0)) {
            memcpy(part, path, i), part[i] = 0;
            (void)!mkdir(part, 0777);
        }
    }
#else
    (void)path;
#endif
}

/* Devices and pipes cannot be replaced by renaming. */
KIT_FN int kit_is_special(const char *path)
{
#if KIT_UNIX
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
#else
    (void)path;
    return 0;
#endif
}

KIT_FN int kit_write_stream(FILE *f, const char *data, size_t n)
{
    int ok = fwrite(data, 1, n, f) == n && fflush(f) == 0;
#if KIT_UNIX
    if (ok && f != stdout && fsync(fileno(f)) && errno == EIO) ok = 0;
#endif
    return ok;
}

/* Write a file whole or not at all: temporary name beside it, flush, rename. "-" is stdout. KIT_OK
 * or KIT_OUTPUT with one line on stderr. */
KIT_FN int kit_write_file(const char *path, const char *data, size_t n)
{
    int ok, rename_it = !kit_is_special(path);
    FILE *f;
    if (!strcmp(path, "-")) {
        if (kit_write_stream(stdout, data, n)) return KIT_OK;
        fprintf(stderr, "cannot write to stdout: %s\n", strerror(errno));
        return KIT_OUTPUT;
    }
    if (strlen(path) + 20 > sizeof kit_temporary) {
        fprintf(stderr, "name too long: %s\n", path);
        return KIT_OUTPUT;
    }
    if (rename_it) {
        snprintf(kit_temporary, sizeof kit_temporary, "%s.%ld.tmp", path, kit_process());
    }
    f = fopen(rename_it ? kit_temporary : path, "wb");
    ok = f && kit_write_stream(f, data, n);
    if (f && fclose(f)) ok = 0;
    if (ok && rename_it && rename(kit_temporary, path)) ok = 0;
    if (!ok) fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
    if (!ok && rename_it) remove(kit_temporary);
    kit_temporary[0] = 0;
    return ok ? KIT_OK : KIT_OUTPUT;
}

/* The status of a program whose text on stdout must have arrived: a full disk is no success. */
KIT_FN int kit_printed_all(int status)
{
    int lost = fflush(stdout) != 0;
    if (!lost && !ferror(stdout)) return status;
    if (status != KIT_OUTPUT) fprintf(stderr, "cannot write to stdout\n");
    return status ? status : KIT_OUTPUT;
}

/* A whole file into memory; NULL with errno. */
KIT_FN char *kit_slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t cap = 0;
    *n = 0;
    if (!f) return NULL;
    for (;;) {
        size_t got;
        if (*n + 65536 > cap) cap = 2 * cap + 131072, text = (char *)kit_realloc(text, cap, 1);
        got = fread(text + *n, 1, cap - *n - 1, f);
        *n += got;
        if (got == 0) break;
    }
    if (ferror(f)) { free(text); text = NULL; }
    else text[*n] = 0;
    fclose(f);
    return text;
}

#endif /* KIT_FILES_H */
