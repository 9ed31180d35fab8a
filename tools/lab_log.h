/* lab_log.h - text logs of other programs' trainings, laid over the curves of clb_lab train: one
 * line a look, named columns; the names stand in the first line, behind a # or not, and columns are
 * divided by commas, semicolons, tabs or blanks. */
#ifndef CLB_LAB_LOG_H
#define CLB_LAB_LOG_H

enum { LAB_LOGS = 4, LAB_COLUMNS = 64 };
static const int lab_log_style[LAB_LOGS] = {
    PLOT_GREY, PLOT_GREY | PLOT_SQUARE, PLOT_GREY | PLOT_TRIANGLE, PLOT_GREY | PLOT_DIAMOND };

/* What a column may be: its names, in small letters, and the panel that shows it. */
enum { LOG_STEP, LOG_LOSS, LOG_ACCURACY, LOG_VALID_LOSS, LOG_VALID_ACCURACY, LOG_SHARPNESS,
       LOG_LIMIT, LOG_RATE, LOG_DRIFT, LOG_KINDS };
static const char *const lab_log_names[LOG_KINDS] = {
    " step iteration iter t update updates epoch ", " loss train_loss training_loss ",
    " accuracy acc train_accuracy train_acc ", " validation_loss val_loss valid_loss test_loss ",
    " validation_accuracy val_accuracy val_acc valid_accuracy test_accuracy test_acc ",
    " sharpness lambda1 lambda_max top_eigenvalue ", " limit ", " lr eta learning_rate ",
    " drift " };

typedef struct lab_log {
    const char *name;
    size_t      columns, lines;
    int         kind[LAB_COLUMNS];             /* LOG_KINDS: another; above: a charge */
    double     *cell;                          /* [lines][columns] */
} lab_log;

/* Where the separator at p ends; p itself if there is none. Blanks of a kind count once. */
static const char *lab_log_skip(const char *p)
{
    const char *q = p;
    while (*q == ' ' || *q == '\t' || *q == '\r') ++q;
    if (*q == ',' || *q == ';') ++q;
    while (*q == ' ' || *q == '\t' || *q == '\r') ++q;
    return q;
}

/* Length of the field at p. */
static size_t lab_log_field(const char *p) { return strcspn(p, ",; \t\r\n"); }

static int lab_log_kind(const char *p, size_t n)
{
    char word[48];
    if (n + 3 > sizeof word) return LOG_KINDS;
    word[0] = ' ';
    for (size_t i = 0; i < n; ++i) word[i + 1] = (char)tolower((unsigned char)p[i]);
    word[n + 1] = ' ', word[n + 2] = 0;
    for (int k = 0; k < LOG_KINDS; ++k)
        if (strstr(lab_log_names[k], word)) return k;
    return n > 1 && word[1] == 'q' && isdigit((unsigned char)word[2]) ? LOG_KINDS + 1 : LOG_KINDS;
}

/* What is wrong, as a text; always the status of a bad file. */
KIT_FN KIT_PRINTF(2, 3) int lab_log_bad(clb_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return KIT_BAD_INPUT;
}

/* The line of names; *p moves behind it. */
static int lab_log_head(lab_log *log, const char **p, clb_error *error)
{
    int steps = 0;
    *p += strspn(*p, " \t\r\n");
    *p += strspn(*p, "# \t");
    while (**p && **p != '\n') {
        size_t n = lab_log_field(*p);
        if (log->columns == LAB_COLUMNS)
            return lab_log_bad(error, "more than %d columns", LAB_COLUMNS);
        log->kind[log->columns] = lab_log_kind(*p, n);
        steps += log->kind[log->columns++] == LOG_STEP;
        *p = lab_log_skip(*p + n);
    }
    if (steps == 1) return KIT_OK;
    return lab_log_bad(error, "the first line names %s column of steps (step, iteration, epoch, "
                       "...)", steps ? "more than one" : "no");
}

/* One line of numbers; *p moves behind it. An empty field, and one that says nan, is NaN. */
static int lab_log_line(lab_log *log, size_t line, const char **p, clb_error *error)
{
    int comma = 0;                             /* the last field may be empty behind one */
    for (size_t c = 0; c < log->columns; ++c) {
        const char *end;
        size_t n = lab_log_field(*p);
        double v = KIT_NAN;
        if ((**p == '\n' || **p == 0) && !comma)
            return lab_log_bad(error, "line %zu: fewer fields than the first line has names", line);
        if (n && !(n == 3 && !strncmp(*p, "nan", 3)) && !lab_number(*p, n, -KIT_INF, KIT_INF, &v))
            return lab_log_bad(error, "line %zu: '%.*s' is no number", line, n > 60 ? 60 : (int)n,
                               *p);
        log->cell[log->lines * log->columns + c] = v;
        end = *p + n, *p = lab_log_skip(end);
        comma = memchr(end, ',', (size_t)(*p - end)) || memchr(end, ';', (size_t)(*p - end));
    }
    if (**p && **p != '\n')
        return lab_log_bad(error, "line %zu: more fields than the first line has names", line);
    ++log->lines;
    return KIT_OK;
}

/* A log from its text, which a zero byte ends at text[size]. Numbers live in the tool's arena. */
static int lab_log_parse(lab_log *log, const char *text, size_t size, clb_error *error)
{
    size_t line = 1, lines = 1;
    const char *p = text;
    int status;
    memset(log, 0, sizeof *log);
    for (size_t i = 0; i < size; ++i) lines += text[i] == '\n';
    status = lab_log_head(log, &p, error);
    if (!status) log->cell = (double *)kit_new(&tool_arena, lines * log->columns, sizeof *log->cell);
    while (!status && *p == '\n') {
        ++p, ++line;
        p += strspn(p, " \t\r");
        if (*p == '#') p += strcspn(p, "\n");
        if (*p && *p != '\n') status = lab_log_line(log, line, &p, error);
    }
    if (!status && p < text + size) status = lab_log_bad(error, "line %zu: a zero byte", line);
    return status;
}

static int lab_log_read(lab_log *log, const char *file)
{
    size_t size;
    char *text = kit_slurp(file, &size), *name;
    clb_error error;
    int status;
    if (!text) return lab_fail(KIT_BAD_INPUT, "%s: %s", file, strerror(errno));
    status = lab_log_parse(log, text, size, &error);
    free(text);
    if (status) return lab_fail(status, "%s: %s", file, error.text);
    log->name = name = kit_copy(&tool_arena, tool_base(file));
    while ((name = strchr(name, '_')) != NULL) *name = ' ';    /* an index where it is drawn */
    return KIT_OK;
}

/* Column `kind` as a list, the first of that kind; n = 0 if there is none. */
static kit_list lab_log_column(kit *x, const lab_log *log, int kind)
{
    double *at = kit_doubles(x, log->lines);
    kit_list list = { 0, NULL };
    for (size_t c = 0; c < log->columns && !list.n; ++c) {
        if (log->kind[c] != kind) continue;
        for (size_t i = 0; i < log->lines; ++i) at[i] = log->cell[i * log->columns + c];
        list.n = log->lines, list.at = at;
    }
    return list;
}

/* Sharpness over its limit: the column of limits, or 2 over that of step sizes, or `limit`. */
static kit_list lab_log_sharpness(kit *x, const lab_log *log, double limit)
{
    kit_list top = lab_log_column(x, log, LOG_SHARPNESS), of = lab_log_column(x, log, LOG_LIMIT);
    kit_list rate = lab_log_column(x, log, LOG_RATE);
    double *at = kit_doubles(x, top.n);
    for (size_t i = 0; i < top.n; ++i)
        at[i] = top.at[i] / (of.n ? of.at[i] : rate.n ? 2 / rate.at[i] : limit);
    top.at = at;
    return top;
}

/* The column drift, or the sum of |Q(t) - Q(first)| over the charges Q1, Q2, ... */
static kit_list lab_log_drift(kit *x, const lab_log *log)
{
    kit_list drift = lab_log_column(x, log, LOG_DRIFT);
    double *at = kit_doubles(x, log->lines);
    if (drift.n) return drift;
    for (size_t c = 0; c < log->columns; ++c) {
        if (log->kind[c] <= LOG_KINDS) continue;
        drift.n = log->lines, drift.at = at;
        for (size_t i = 0; i < log->lines; ++i)
            at[i] += fabs(log->cell[i * log->columns + c] - log->cell[c]);
    }
    return drift;
}

/* Marks in the panels loss, accuracy, sharpness over its limit, drift; open ones for the rows kept
 * aside. */
static void lab_log_draw(kit *x, plot_panel **a, const lab_log *log, int style, double limit)
{
    kit_list t = lab_log_column(x, log, LOG_STEP);
    int few = t.n <= 30;
    const struct { plot_panel *a; int style; kit_list y; const char *label; } curves[] = {
        { a[0], style, lab_log_column(x, log, LOG_LOSS), log->name },
        { a[0], style | PLOT_OPEN, lab_log_column(x, log, LOG_VALID_LOSS), NULL },
        { a[1], style, lab_log_column(x, log, LOG_ACCURACY), log->name },
        { a[1], style | PLOT_OPEN, lab_log_column(x, log, LOG_VALID_ACCURACY), NULL },
        { a[2], style, lab_log_sharpness(x, log, limit), log->name },
        { a[3], style, lab_log_drift(x, log), log->name } };
    for (size_t k = 0; k < KIT_LEN(curves); ++k)
        if (curves[k].y.n)
            plot_points(curves[k].a, curves[k].style | (few ? 0 : PLOT_SMALL), t.n, t.at,
                        curves[k].y.at, curves[k].label);
}

#endif /* CLB_LAB_LOG_H */
