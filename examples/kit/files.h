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

/* The most memory that this process has held so far, in megabytes; 0 where that cannot be asked. */
KIT_FN double kit_peak_memory(void)
{
#if KIT_UNIX
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used)) return 0;
#ifdef __APPLE__
    return 1e-6 * (double)used.ru_maxrss;
#else
    return 1.024e-3 * (double)used.ru_maxrss;
#endif
#else
    return 0;
#endif
}

/* Make the folder and those above it; errors show when a file is written. */
KIT_FN void kit_make_folder(const char *path)
{
    char part[1024];
    size_t i, n = strlen(path);
    if (n >= sizeof part) return;
    for (i = 0; i <= n; ++i) {
        if (i && (path[i] == '/' || path[i] == 0)) {
            memcpy(part, path, i), part[i] = 0;
#if KIT_UNIX
            (void)!mkdir(part, 0777);
#elif defined(_WIN32)
            (void)_mkdir(part);
#endif
        }
    }
}

/* Make the folder that the file stands in. */
KIT_FN void kit_make_folder_of(const char *path)
{
    char folder[1024];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n == 0 || n >= sizeof folder) return;
    memcpy(folder, path, n), folder[n] = 0;
    kit_make_folder(folder);
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

/* A closed stdin, stdout or stderr would give its number to the next file that is opened, and text
 * meant for the screen would go into it. Each program calls this first; writing to what was closed
 * stays an error. */
KIT_FN void kit_hold_streams(void)
{
#if KIT_UNIX
    int number;
    do number = open("/dev/null", O_RDONLY);
    while (number >= 0 && number <= 2);
    if (number > 2) close(number);
#elif defined(_WIN32)
    _setmode(1, _O_BINARY);                      /* the same bytes as elsewhere */
#endif
}

/* Rename, replacing a file of the new name. 0 or -1 with errno. */
KIT_FN int kit_rename(const char *from, const char *to)
{
#ifdef _WIN32
    if (MoveFileExA(from, to, 1 /* MOVEFILE_REPLACE_EXISTING */)) return 0;
    errno = EACCES;
    return -1;
#else
    return rename(from, to);
#endif
}

/* Does this program alone hold the file, and does it still have this name? 1 where a system has no
 * locks. errno is EBUSY if another program holds it. */
KIT_FN int kit_lock(FILE *f, const char *path, int wait)
{
#if KIT_UNIX
    struct flock lock;
    struct stat ours, named;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK, lock.l_whence = SEEK_SET;
    if (fcntl(fileno(f), wait ? F_SETLKW : F_SETLK, &lock)
        && (errno == EACCES || errno == EAGAIN)) {
        errno = EBUSY;
        return 0;
    }
    errno = 0;
    return !fstat(fileno(f), &ours) && !stat(path, &named) && ours.st_ino == named.st_ino
           && ours.st_dev == named.st_dev;
#else
    (void)f, (void)path, (void)wait;
    return 1;
#endif
}

/* The file open for reading and appending, held by this program alone; made if there is none. NULL
 * with errno, EBUSY if another program holds it. */
KIT_FN FILE *kit_open_alone(const char *path, int wait)
{
    for (int tries = 100;; --tries) {            /* where names change for ever, the last will do */
        FILE *f = fopen(path, "a+b");
        int problem;
        if (!f || kit_lock(f, path, wait)) return f;
        problem = errno;                         /* 0: renamed or removed while we waited */
        if (!problem && !tries) return f;
        fclose(f);
        if (!problem || problem == ENOENT) continue;
        errno = problem;
        return NULL;
    }
}

/* The same within seconds: a program that was killed may take a moment to end. */
KIT_FN FILE *kit_open_soon(const char *path)
{
    FILE *f = kit_open_alone(path, 0);
#if KIT_UNIX
    for (int tries = 3; !f && errno == EBUSY && tries; --tries)
        sleep(1), f = kit_open_alone(path, 0);
#endif
    return f;
}

/* The same with an empty file: what a killed program may have left there goes. */
KIT_FN FILE *kit_open_empty(const char *path, int wait)
{
    for (;;) {
        FILE *f = wait ? kit_open_alone(path, 1) : kit_open_soon(path);
        if (!f || (!fseek(f, 0, SEEK_END) && ftell(f) == 0)) return f;
#ifdef _WIN32
        return freopen(path, "wb", f);           /* an open file cannot be removed there */
#else
        if (remove(path)) { fclose(f); return NULL; }
        fclose(f);
#endif
    }
}

KIT_FN int kit_write_stream(FILE *f, const char *data, size_t n)
{
    int ok = fwrite(data, 1, n, f) == n && fflush(f) == 0;
#if KIT_UNIX
    if (ok && f != stdout && fsync(fileno(f)) && errno != EINVAL) ok = 0;     /* EINVAL: a device */
#endif
    return ok;
}

/* Close a temporary file and give it its name, or remove it. The order keeps the lock until the
 * name is gone; Windows cannot rename an open file. */
KIT_FN int kit_close_temporary(FILE *f, const char *temporary, const char *path, int ok)
{
#ifdef _WIN32
    if (fclose(f)) ok = 0;
    if (ok && kit_rename(temporary, path)) ok = 0;
    if (!ok) remove(temporary);
#else
    int problem;
    if (ok && kit_rename(temporary, path)) ok = 0;
    problem = errno;
    if (!ok) remove(temporary);
    if (fclose(f)) ok = 0;
    else errno = problem;
#endif
    return ok;
}

/* Write a file whole or not at all: temporary name beside it, flush, rename. "-" is stdout. KIT_OK
 * or KIT_OUTPUT with one line on stderr. */
KIT_FN int kit_write_file(const char *path, const char *data, size_t n)
{
    int ok;
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
    if (kit_is_special(path)) {
        f = fopen(path, "wb");
        ok = f && kit_write_stream(f, data, n);
        if (f && fclose(f)) ok = 0;
    } else {
        snprintf(kit_temporary, sizeof kit_temporary, "%s.tmp", path);
        f = kit_open_empty(kit_temporary, 1);
        ok = f && kit_close_temporary(f, kit_temporary, path, kit_write_stream(f, data, n));
    }
    if (!ok) fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
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

/* All that is left in a file; NULL with errno. */
KIT_FN char *kit_read_stream(FILE *f, size_t *n)
{
    char *text = NULL;
    size_t cap = 0;
    *n = 0;
    for (;;) {
        size_t got;
        if (*n + 65536 > cap) cap = 2 * cap + 131072, text = (char *)kit_realloc(text, cap, 1);
        got = fread(text + *n, 1, cap - *n - 1, f);
        *n += got;
        if (got == 0) break;
    }
    if (ferror(f)) { free(text); text = NULL; }
    else text[*n] = 0;
    return text;
}

/* A whole file into memory; NULL with errno. */
KIT_FN char *kit_slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? kit_read_stream(f, n) : NULL;
    if (!f) *n = 0;
    if (f) fclose(f);
    return text;
}

#endif /* KIT_FILES_H */
