/* fixture.h - what several tests share: a tolerance for each precision, the text of a file, a net
 * with data at which derivatives can be taken. Include after clb.h and test.h. */
#ifndef CLB_FIXTURE_H
#define CLB_FIXTURE_H

#ifdef CLB_SINGLE
#define TOL(in_double, in_single) (in_single)
#else
#define TOL(in_double, in_single) (in_double)
#endif

/* The whole file, ended by a zero byte; NULL if there is none. */
TEST_UNUSED static char *text_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text;
    long size;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    text = (char *)malloc((size_t)size + 1);
    if (text) text[fread(text, 1, (size_t)size, file)] = '\0';
    fclose(file);
    return text;
}

/* Net, data, pass, curvature at theta. */
typedef struct test_problem {
    clb_net  net;
    clb_data data;
    clb_pass pass;
    clb_curv curv;
    clb_rng  rng;
} test_problem;

/* Net and data are there; the rest follows. */
TEST_UNUSED static void problem_ready(test_problem *s, double ce)
{
    CHECK(clb_pass_init(&s->pass, &s->net, &s->data, ce) == CLB_OK);
    CHECK(clb_curv_init(&s->curv, &s->pass) == CLB_OK);
    clb_curv_at(&s->curv, NULL);
}

TEST_UNUSED static void problem_close(test_problem *s)
{
    clb_curv_free(&s->curv);
    clb_pass_free(&s->pass);
    clb_data_free(&s->data);
    clb_net_free(&s->net);
}

#endif
