// The session language: a line of text into statements.
#include "shell/grammar.h"

#include "proto/alloc.h"
#include "proto/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
    const char *text;
    size_t at;
    struct err *err;
    size_t *bad_at;
};

static int fail(struct scanner *scanner, size_t at, int code, const char *message)
{
    *scanner->bad_at = at;
    return err_set(scanner->err, code, "%s", message);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_statement(char c)
{
    return c == '\0' || c == ';' || c == '\n';
}

static bool ends_word(char c)
{
    return ends_statement(c) || is_blank(c) || c == '|' || c == '>';
}

static char peek(const struct scanner *scanner)
{
    return scanner->text[scanner->at];
}

static void skip_blanks(struct scanner *scanner)
{
    for (;;) {
        if (is_blank(peek(scanner)))
            scanner->at++;
        else if (peek(scanner) == '\\' && scanner->text[scanner->at + 1] == '\n')
            scanner->at += 2;
        else
            break;
    }
    if (peek(scanner) == '#')
        scanner->at += strcspn(scanner->text + scanner->at, "\n");
}

// Takes what stands between two quotes, the first of which is at `at`.
static int scan_quoted(struct scanner *scanner, struct bytes *out)
{
    size_t open = scanner->at;
    char quote = scanner->text[scanner->at++];
    for (char c; (c = peek(scanner)) != quote; scanner->at++) {
        if (!c)
            return fail(scanner, open, -EAGAIN, "this quote is not closed");
        if (quote == '"' && c == '\\') {
            char next = scanner->text[scanner->at + 1];
            if (next && strchr("\"\\$`\n", next)) {
                scanner->at++;
                if (next == '\n')
                    continue;
                c = next;
            }
        }
        bytes_append_char(out, c);
    }
    scanner->at++;
    return 0;
}

// Where the value begins in a word that starts with [!]key=, key~, key!=, key!~; 0: it is plain.
// Works on the raw text: a quoted key is no key.
static size_t key_prefix(const char *text, size_t *key_at, size_t *key_len)
{
    size_t at = text[0] == '!';
    *key_at = at;
    if (!isalpha((unsigned char)text[at]))
        return 0;
    while (isalnum((unsigned char)text[at]) || text[at] == '_' || text[at] == '-')
        at++;
    *key_len = at - *key_at;
    if (text[at] == '!')
        at++;
    return text[at] == '=' || text[at] == '~' ? at + 1 : 0;
}

static void add_home(struct scanner *scanner, struct bytes *out)
{
    const char *home = getenv("HOME");
    if (home && scanner->text[scanner->at] == '~' && scanner->text[scanner->at + 1] == '/') {
        bytes_append_text(out, home);
        scanner->at++;
    }
}

// Scans one word; its text goes to *out.
static int scan_word(struct scanner *scanner, struct bytes *out)
{
    add_home(scanner, out);
    while (!ends_word(peek(scanner))) {
        char c = peek(scanner);
        if (c == '\'' || c == '"') {
            int code = scan_quoted(scanner, out);
            if (code)
                return code;
            continue;
        }
        if (c == '\\') {
            c = scanner->text[++scanner->at];
            if (!c)
                return fail(scanner, scanner->at - 1, -EAGAIN, "nothing follows this backslash");
            scanner->at++;
            if (c != '\n')
                bytes_append_char(out, c);
            continue;
        }
        bytes_append_char(out, c);
        scanner->at++;
    }
    return 0;
}

static int scan_argument(struct scanner *scanner, struct statement *statement)
{
    array_reserve(&statement->words, &statement->word_capacity, statement->word_count + 1);
    struct word *word = &statement->words[statement->word_count];
    *word = (struct word){.at = scanner->at};
    const char *raw = scanner->text + scanner->at;
    size_t key_at, key_len = 0;
    size_t prefix = key_prefix(raw, &key_at, &key_len);
    struct bytes text = {0};
    if (prefix) {
        bytes_append(&text, raw, prefix);
        scanner->at += prefix;
    }
    int code = scan_word(scanner, &text);
    if (!code) {
        word->text = xstrdup(bytes_text(&text));
        if (prefix) {
            word->key = xstrndup(raw + key_at, key_len);
            word->value = xstrdup(word->text + prefix);
            word->value_at = word->at + prefix;
            word->negated = key_at || raw[prefix - 2] == '!';
            word->regex = raw[prefix - 1] == '~';
        }
        statement->word_count++;
        if (word->regex && peek(scanner) == '|')
            code = fail(scanner, scanner->at, -EINVAL,
                        "'|' here would start a command; quote a pattern that contains it, as in "
                        "frame~'A|B'");
    }
    bytes_dispose(&text);
    return code;
}

// Whether the byte at the scanner opens (1) or closes (-1) a group of /bin/sh: parentheses, or
// braces that are words of their own.
static int shell_group(const struct scanner *scanner, size_t start)
{
    const char *at = scanner->text + scanner->at;
    bool begins = scanner->at == start || strchr(" \t\n;|&(", at[-1]);
    if (*at == '(' || (*at == '{' && begins && (is_blank(at[1]) || at[1] == '\n')))
        return 1;
    return *at == ')' || (*at == '}' && begins) ? -1 : 0;
}

// Takes what /bin/sh will read, up to a ';' or the end of a line that stand in no quotes and in no
// group: "(a; b)" is whole.
static int scan_shell_command(struct scanner *scanner)
{
    struct bytes ignored = {0};
    size_t start = scanner->at, opened_at = start, depth = 0;
    int code = 0;
    for (char c; !code && (c = peek(scanner)) && (depth || !ends_statement(c));) {
        int group = shell_group(scanner, start);
        opened_at = group > 0 && !depth ? scanner->at : opened_at;
        depth += group > 0;
        depth -= group < 0 && depth;
        if (c == '\'' || c == '"')
            code = scan_quoted(scanner, &ignored);
        else
            scanner->at += c == '\\' && scanner->text[scanner->at + 1] ? 2 : 1;
    }
    bytes_dispose(&ignored);
    if (!code && depth)
        code = fail(scanner, opened_at, -EAGAIN, "this is not closed");
    return code;
}

// A loop has a ';' inside, where our statement would end.
static bool is_shell_compound(const char *command)
{
    static const char *const words[] = {"while", "until", "for", "if", "case"};
    size_t len = strcspn(command, " \t");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == len && !strncmp(command, words[i], len))
            return true;
    }
    return false;
}

// The rest up to the end of the statement, as /bin/sh will read it.
static int scan_pipe(struct scanner *scanner, struct statement *statement)
{
    size_t bar = scanner->at++;
    skip_blanks(scanner);
    size_t start = scanner->at;
    int code = scan_shell_command(scanner);
    if (code)
        return code;
    if (peek(scanner) == ';' && is_shell_compound(scanner->text + start))
        return fail(scanner, scanner->at, -EINVAL,
                    "';' ends the command here; put what a shell is to read whole in parentheses, "
                    "as in | (while read l; do echo $l; done)");
    size_t len = scanner->at - start;
    while (len && is_blank(scanner->text[start + len - 1]))
        len--;
    if (!len)
        return fail(scanner, bar, -EINVAL, "a command is expected after '|'");
    statement->redirect = REDIRECT_PIPE;
    statement->target = xstrndup(scanner->text + start, len);
    statement->target_at = start;
    return 0;
}

static int scan_redirect(struct scanner *scanner, struct statement *statement)
{
    size_t sign = scanner->at++;
    statement->redirect = REDIRECT_FILE;
    if (peek(scanner) == '>') {
        statement->redirect = REDIRECT_APPEND;
        scanner->at++;
    }
    skip_blanks(scanner);
    statement->target_at = scanner->at;
    struct bytes name = {0};
    int code = scan_word(scanner, &name);
    if (!code && !name.len)
        code = fail(scanner, sign, -EINVAL, "a file name is expected after '>'");
    if (!code) {
        statement->target = xstrdup(bytes_text(&name));
        skip_blanks(scanner);
        if (!ends_statement(peek(scanner)))
            code = fail(scanner, scanner->at, -EINVAL, "nothing may follow the file after '>'");
    }
    bytes_dispose(&name);
    return code;
}

static void scan_expression(struct scanner *scanner, struct statement *statement)
{
    skip_blanks(scanner);
    statement->expression_at = scanner->at;
    size_t len = strcspn(scanner->text + scanner->at, "{;\n");
    scanner->at += len;
    while (len && is_blank(scanner->text[statement->expression_at + len - 1]))
        len--;
    statement->expression = xstrndup(scanner->text + statement->expression_at, len);
}

// "top10": the verb is "top", its first word "10".
static void split_digits(struct statement *statement)
{
    size_t letters = strspn(statement->verb, "abcdefghijklmnopqrstuvwxyz");
    const char *digits = statement->verb + letters;
    if (!letters || !*digits || digits[strspn(digits, "0123456789")])
        return;
    array_reserve(&statement->words, &statement->word_capacity, statement->word_count + 1);
    statement->words[statement->word_count++] =
        (struct word){.text = xstrdup(digits), .at = statement->verb_at + letters};
    statement->verb[letters] = '\0';
}

static int scan_statement(struct scanner *scanner, struct statement *statement,
                          grammar_expression_fn *is_expression)
{
    struct bytes verb = {0};
    statement->verb_at = scanner->at;
    int code = scan_word(scanner, &verb);
    statement->verb = xstrdup(bytes_text(&verb));
    bytes_dispose(&verb);
    if (code)
        return code;
    if (!*statement->verb)
        return fail(scanner, statement->verb_at, -EINVAL, "a command is expected here");
    split_digits(statement);
    if (is_expression && is_expression(statement->verb)) {
        scan_expression(scanner, statement);
        if (peek(scanner) == '{')
            return fail(scanner, scanner->at, -EINVAL, "'{' is not expected here");
        return 0;
    }
    for (;;) {
        skip_blanks(scanner);
        char c = peek(scanner);
        if (ends_statement(c))
            return 0;
        if (c == '|')
            return scan_pipe(scanner, statement);
        if (c == '>')
            return scan_redirect(scanner, statement);
        code = scan_argument(scanner, statement);
        if (code)
            return code;
    }
}

static void statement_dispose(struct statement *statement)
{
    for (size_t i = 0; i < statement->word_count; i++) {
        free(statement->words[i].text);
        free(statement->words[i].key);
        free(statement->words[i].value);
    }
    free(statement->words);
    free(statement->verb);
    free(statement->expression);
    free(statement->target);
}

int grammar_parse(struct statements *out, const char *text, grammar_expression_fn *is_expression,
                  size_t *bad_at, struct err *err)
{
    struct scanner scanner = {.text = text, .err = err, .bad_at = bad_at};
    for (;;) {
        skip_blanks(&scanner);
        if (!peek(&scanner))
            return 0;
        if (ends_statement(peek(&scanner))) {
            scanner.at++;
            continue;
        }
        struct statement statement = {0};
        int code = scan_statement(&scanner, &statement, is_expression);
        if (code) {
            statement_dispose(&statement);
            return code;
        }
        array_reserve(&out->items, &out->capacity, out->count + 1);
        out->items[out->count++] = statement;
    }
}

void statements_dispose(struct statements *statements)
{
    for (size_t i = 0; i < statements->count; i++)
        statement_dispose(&statements->items[i]);
    free(statements->items);
    *statements = (struct statements){0};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t grammar_distance(const char *typed, const char *candidate)
{
    enum { LONGEST = 40 };
    size_t n = strlen(typed), m = strlen(candidate);
    if (!n || !m || n >= LONGEST || m >= LONGEST)
        return SIZE_MAX;
    size_t rows[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= n; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t cost = typed[i - 1] != candidate[j - 1];
            rows[i][j] =
                least(least(rows[i - 1][j], rows[i][j - 1]) + 1, rows[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && typed[i - 1] == candidate[j - 2] &&
                typed[i - 2] == candidate[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    size_t distance = rows[n][m];
    return distance <= (n < 4 ? 1 : n < 8 ? 2 : 3) && distance < n ? distance : SIZE_MAX;
}
