/* What the page computes, natively: the numbers of tools/page/page.c as bits, a row a line, its
 * kind first. tests/page.js compares them with what the browser computed.
 *   cc -std=c99 -O1 -DCLB_NO_FMA -o page_native tests/page_native.c -lm
 *   ./page_native INPUTS... -- JOBS...
 * The inputs are in the order of the page; a job is name or name:number:... */
#include "../tools/page/page.c"
#include <stdlib.h>

void page_emit(int kind, const double *values, int count)
{
    int i;
    printf("%d", kind);
    for (i = 0; i < count; ++i) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        printf(" %016llx", (unsigned long long)bits);
    }
    printf("\n");
}

static int job(const char *text)
{
    double x[4] = { 0, 0, 0, 0 };
    const char *at = text;
    int count;
    for (count = 0; count < 4 && (at = strchr(at, ':')) != NULL; ++count)
        x[count] = strtod(++at, NULL);
#define IS(name) (strncmp(text, name, strlen(name)) == 0)
    if (IS("page_train")) return page_train();
    if (IS("page_look_along")) return page_look_along();
    if (IS("page_run_at")) return page_run_at(x[0]);
    if (IS("page_predict_formula")) return page_predict_formula(x[0], (int)x[1], (int)x[2]);
    if (IS("page_predict_linearised")) return page_predict_linearised(x[0]);
    if (IS("page_predict_edge")) return page_predict_edge(x[0]);
    if (IS("page_paths")) return page_paths();
    if (IS("page_return_map")) return page_return_map();
    if (IS("page_phase")) return page_phase(x[0], x[1], (int)x[2], (int)x[3]);
    fprintf(stderr, "no such job: %s\n", text);
    exit(2);
}

int main(int argc, char **argv)
{
    int i, count = 0;
    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; ++i)
        if (count < page_inputs_count()) page_inputs()[count++] = strtod(argv[i], NULL);
    for (++i; i < argc; ++i) job(argv[i]);
    return 0;
}
