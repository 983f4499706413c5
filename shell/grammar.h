// The session language: a line of text into statements.
//
//     verb [words] [key=value] [key~regex] [!key=value] [| command] [> file] [>> file]
//
// Statements are separated by ';' or a newline; '#' at the start of a word begins a comment.
// Quoting is a POSIX shell's (', ", \); '|', '>', ';' and '#' count outside quotes only. After '|'
// what stands in parentheses, or in braces that are words, is the shell's, with any ';' in it.
// There are no variables and no globs. "top10" is "top 10".
#ifndef FLICKER_SHELL_GRAMMAR_H
#define FLICKER_SHELL_GRAMMAR_H

#include "proto/err.h"

#include <stdbool.h>
#include <stddef.h>

#define GRAMMAR_NOWHERE ((size_t)-1)

// A word with its quotes resolved. Offsets are bytes from the start of the line.
struct word {
    char *text;
    size_t at;
    // Set when the word has the form [!]key=value, key~regex or key!=value; NULL otherwise.
    char *key;
    char *value;
    size_t value_at;
    bool negated;
    bool regex;
};

enum redirect { REDIRECT_NONE, REDIRECT_FILE, REDIRECT_APPEND, REDIRECT_PIPE };

struct statement {
    char *verb;
    size_t verb_at;
    struct word *words;
    size_t word_count, word_capacity;
    char *expression; // verbatim text, of verbs that take one; else NULL
    size_t expression_at;
    enum redirect redirect;
    char *target; // the file's name, or the command as /bin/sh reads it
    size_t target_at;
};

// Starts as {0}.
struct statements {
    struct statement *items;
    size_t count, capacity;
};

// Whether the rest of this verb's statement is an expression, taken verbatim up to '{', ';' or the
// end of the line: '>' compares there.
typedef bool grammar_expression_fn(const char *verb);

// Appends the statements of the text to *out (also after a failure: those before the error).
// -EINVAL with the offset of the offending byte in *bad_at; -EAGAIN when a quote, or a
// parenthesis after '|', is still open: the text goes on in the next line.
int grammar_parse(struct statements *out, const char *text, grammar_expression_fn *is_expression,
                  size_t *bad_at, struct err *err) MUST_CHECK;
void statements_dispose(struct statements *statements);

// Whether a name typed by a user is close to a candidate, and how close: the edit distance with
// transpositions (Damerau), SIZE_MAX when it is too far to be meant.
size_t grammar_distance(const char *typed, const char *candidate);

#endif
