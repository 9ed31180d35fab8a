/* Assembles the page: copies a template; a line "@file NAME" becomes the text of NAME, "@base64 NAME"
 * its bytes in base64, and @verdict TABLE ROW@ within a line what the paper says and our answers, from a row
 * of the table of experiments.
 *   pack TEMPLATE OUT        names are relative to the current folder */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "pack: %s: %s\n", name, what);
    exit(1);
}

static char *read_whole(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    char *text;
    long length = 0;
    if (!file) fail("cannot open", name);
    if (fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) fail("cannot read", name);
    text = (char *)malloc((size_t)length + 1);
    if (!text) fail("out of memory", name);
    if (fread(text, 1, (size_t)length, file) != (size_t)length) fail("cannot read", name);
    fclose(file);
    text[length] = '\0';
    *size = (size_t)length;
    return text;
}

static void put_base64(FILE *out, const char *name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size, i;
    unsigned char *b = (unsigned char *)read_whole(name, &size);
    for (i = 0; i < size; i += 3) {
        unsigned long v = (unsigned long)b[i] << 16;
        if (i + 1 < size) v |= (unsigned long)b[i + 1] << 8;
        if (i + 2 < size) v |= b[i + 2];
        fputc(digits[v >> 18], out);
        fputc(digits[v >> 12 & 63], out);
        fputc(i + 1 < size ? digits[v >> 6 & 63] : '=', out);
        fputc(i + 2 < size ? digits[v & 63] : '=', out);
    }
    free(b);
}

/* What a table spells out in ASCII. */
static const char *const symbols[][2] = {
    { "eta lambda", "\xce\xb7\xce\xbb" }, { "lambda", "\xce\xbb" }, { "eta", "\xce\xb7" }, { "^2", "\xc2\xb2" }
};

/* Writes the symbol that stands at the beginning of text; returns how many characters it replaces. */
static size_t put_symbol(FILE *out, const char *text, char before)
{
    size_t i, length;
    for (i = 0; i < sizeof symbols / sizeof symbols[0]; ++i) {
        length = strlen(symbols[i][0]);
        if (strncmp(text, symbols[i][0], length)) continue;
        if (text[0] != '^' && (isalpha((unsigned char)before) || isalpha((unsigned char)text[length]))) continue;
        fputs(symbols[i][1], out);
        return length;
    }
    return 0;
}

/* One cell of a Markdown table, from *at up to the next bar; *at moves past it. */
static void put_cell(FILE *out, const char **at, int wanted)
{
    size_t length;
    while (**at == ' ') ++*at;
    for (; **at && **at != '|' && **at != '\n'; ++*at) {
        if (**at == '\\') ++*at;
        if (!wanted || (**at == ' ' && (*at)[1] == '|')) continue;
        if ((length = put_symbol(out, *at, (*at)[-1])) > 0) {
            *at += length - 1;
            continue;
        }
        if (**at == '<') fputs("&lt;", out);
        else if (**at == '>') fputs("&gt;", out);
        else if (**at == '&') fputs("&amp;", out);
        else fputc(**at, out);
    }
    if (**at == '|') ++*at;
}

/* A cell of the row between two pieces of HTML. */
static void put_one(FILE *out, const char *before, const char *row, int wanted, const char *after)
{
    fputs(before, out);
    for (int cell = 0; cell <= wanted; ++cell) put_cell(out, &row, cell == wanted);
    fputs(after, out);
}

/* Cells 2 to 5 of the row: what the paper says, and the three answers. */
static void put_verdict(FILE *out, const char *table, const char *row)
{
    size_t size;
    char *text = read_whole(table, &size), start[80];
    const char *at;
    snprintf(start, sizeof start, "| %s |", row);
    at = strstr(text, start);
    if (!at) fail("no such row", row);
    put_one(out, "The paper: ", at + 1, 2, ".");
    put_one(out, " Its number on its own seeds: ", at + 1, 3, ".");
    put_one(out, " The statement <strong>", at + 1, 4, "</strong>.");
    put_one(out, " On fresh seeds: ", at + 1, 5, ".");
    free(text);
}

static void put_line(FILE *out, char *line)
{
    char name[256], row[64], *at = strstr(line, "@verdict "), *end;
    if (sscanf(line, "@file %255s", name) == 1) {
        size_t size;
        char *text = read_whole(name, &size);
        fwrite(text, 1, size, out);
        free(text);
        return;
    }
    if (sscanf(line, "@base64 %255s", name) == 1) {
        put_base64(out, name);
        return;
    }
    if (at) {
        *at = '\0';
        fputs(line, out);
        end = strchr(at + 1, '@');
        if (!end || sscanf(at + 1, "verdict %255s %63[^@ ]", name, row) != 2) fail("bad verdict", at + 1);
        put_verdict(out, name, row);
        line = end + 1;
    }
    fputs(line, out);
    fputc('\n', out);
}

int main(int argc, char **argv)
{
    size_t size;
    char *text, *line, *next;
    FILE *out;
    if (argc != 3) fail("usage: pack TEMPLATE OUT", "arguments");
    text = read_whole(argv[1], &size);
    out = fopen(argv[2], "wb");
    if (!out) fail("cannot write", argv[2]);
    for (line = text; line < text + size; line = next) {
        char *end = strchr(line, '\n');
        next = end ? end + 1 : text + size;
        if (end) *end = '\0';
        put_line(out, line);
    }
    free(text);
    if (fclose(out)) fail("cannot write", argv[2]);
    return 0;
}
