/* escape.h - text for Markdown, LaTeX, CSV and HTML. */
#ifndef CLB_ESCAPE_H
#define CLB_ESCAPE_H

#include "tool.h"

KIT_FN void put_markdown(kit_buf *b, const char *text)
{
    char c[3] = { 0, 0, 0 };
    for (; *text; ++text) {
        c[0] = *text, c[1] = 0;
        if (*text == '|' || *text == '<' || *text == '*' || *text == '_') c[0] = '\\', c[1] = *text;
        if (*text == '\n') c[0] = ' ';
        kit_put(b, c);
    }
}

KIT_FN void put_csv(kit_buf *b, const char *text)
{
    char c[3] = { 0, 0, 0 };
    kit_put(b, "\"");
    for (; *text; ++text) {
        c[0] = *text, c[1] = *text == '"' ? '"' : (char)0;
        kit_put(b, c);
    }
    kit_put(b, "\"");
}

KIT_FN void put_tex(kit_buf *b, const char *text)
{
    static const char *const words[][2] = { { "^", "\\^{}" },          { "~", "$\\sim$" },
                                            { "\\", "$\\backslash$" }, { "<", "$<$" },
                                            { ">", "$>$" },            { "|", "$|$" } };
    for (; *text; ++text) {
        char c[3] = { 0, 0, 0 };
        const char *out = c;
        if (strchr("&%$#_{}", *text)) c[0] = '\\', c[1] = *text;
        else c[0] = *text;
        for (size_t i = 0; i < KIT_LEN(words); ++i)
            if (*text == words[i][0][0]) out = words[i][1];
        kit_put(b, out);
    }
}

KIT_FN void put_html(kit_buf *b, const char *text)
{
    char c[2] = { 0, 0 };
    for (; *text; ++text) {
        c[0] = *text;
        kit_put(b, *text == '&'   ? "&amp;"
                   : *text == '<' ? "&lt;"
                   : *text == '>' ? "&gt;"
                   : *text == '"' ? "&quot;"
                                  : c);
    }
}

#endif /* CLB_ESCAPE_H */
