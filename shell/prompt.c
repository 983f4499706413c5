// The prompt: readline in callback mode.
#include "shell/prompt.h"

#include "proto/alloc.h"
#include "shell/complete.h"
#include "shell/prompt_text.h"
#include "shell/rescue.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
// readline's header wants FILE before it.
#include <readline/history.h>
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HISTORY_LINES = 5000, LISTED = 120 };

struct prompt {
    struct session *session;
    struct term term;
    bool active; // readline has the terminal
    bool hidden;
    char *shown;          // the prompt's text
    char *line;           // entered, not yet taken
    bool left;            // Ctrl-D
    struct bytes partial; // lines with an open quote
    char *history;        // its file; NULL: none
};

// readline calls back without an argument, and has one state for the process anyway.
static struct prompt *current;

static bool goes_on(const char *text)
{
    struct statements statements = {0};
    size_t bad_at;
    int code = grammar_parse(&statements, text, command_is_expression, &bad_at, NULL);
    statements_dispose(&statements);
    return code == -EAGAIN;
}

static void remember(struct prompt *prompt, const char *line)
{
    if (!*line || *line == ' ')
        return;
    HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
    if (last && !strcmp(last->line, line))
        return;
    add_history(line);
    if (prompt->history && !strchr(line, '\n'))
        append_history(1, prompt->history);
}

// Called by readline with a line, or NULL for Ctrl-D on an empty one.
static void entered(char *line)
{
    struct prompt *prompt = current;
    rl_callback_handler_remove();
    prompt->active = false;
    if (!line) {
        fputs("\n", rl_outstream);
        fflush(rl_outstream);
        prompt->left = !prompt->partial.len;
        bytes_clear(&prompt->partial);
        if (!prompt->left)
            prompt_start(prompt);
        return;
    }
    bytes_append_text(&prompt->partial, line);
    free(line);
    if (goes_on(bytes_text(&prompt->partial))) {
        bytes_append_char(&prompt->partial, '\n');
        prompt_start(prompt);
        return;
    }
    remember(prompt, bytes_text(&prompt->partial));
    prompt->line = xstrdup(bytes_text(&prompt->partial));
    bytes_clear(&prompt->partial);
}

static void list_items(struct prompt *prompt, const struct completions *completions)
{
    size_t width = 1, shown = completions->count < LISTED ? completions->count : LISTED;
    for (size_t i = 0; i < shown; i++) {
        size_t len = strlen(completions->items[i]);
        width = len > width ? len : width;
    }
    size_t columns = prompt->term.columns / (width + 2);
    columns = columns ? columns : 1;
    struct bytes text = {0};
    size_t rows = (shown + columns - 1) / columns;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row; i < shown; i += rows) {
            size_t from = text.len;
            term_text(&text, completions->items[i], strlen(completions->items[i]));
            for (size_t pad = text.len - from; i + rows < shown && pad < width + 2; pad++)
                bytes_append_char(&text, ' ');
        }
        bytes_append_char(&text, '\n');
    }
    if (completions->total > shown)
        bytes_printf(&text, "and %zu more: type on\n", completions->total - shown);
    prompt_hide(prompt);
    ssize_t ignored = write(fileno(rl_outstream), bytes_text(&text), text.len);
    (void)ignored;
    prompt_show(prompt);
    bytes_dispose(&text);
}

static bool ends_open(const char *item)
{
    size_t len = strlen(item);
    return len && strchr("=/", item[len - 1]);
}

// Tab. Not readline's own completion: in callback mode it never asks before it lists thousands, and
// its words are not ours.
static int tab(int count, int key)
{
    (void)count;
    (void)key;
    struct prompt *prompt = current;
    struct completions completions = {0};
    complete_line(&completions, prompt->session, rl_line_buffer, (size_t)rl_point);
    size_t typed = (size_t)rl_point - completions.from;
    size_t common = completions_common(&completions);
    bool grows = common > typed || (common == typed && completions.count == 1);
    if (grows) {
        char *insert = xstrndup(completions.items[0], common);
        bool whole = completions.total == 1 && !ends_open(insert);
        rl_begin_undo_group();
        rl_delete_text((int)completions.from, rl_point);
        rl_point = (int)completions.from;
        rl_insert_text(insert);
        if (whole)
            rl_insert_text(" ");
        rl_end_undo_group();
        free(insert);
    } else if (completions.count > 1) {
        list_items(prompt, &completions);
    } else if (completions.command && !completions.count) {
        session_say(prompt->session, "usage: %s", completions.command->usage);
    }
    completions_dispose(&completions);
    return 0;
}

static void open_history(struct prompt *prompt)
{
    using_history();
    stifle_history(HISTORY_LINES);
    prompt->history = rescue_path("history");
    if (!prompt->history)
        return;
    int fd = open(prompt->history, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        free(prompt->history);
        prompt->history = NULL;
        return;
    }
    close(fd);
    read_history(prompt->history);
}

struct prompt *prompt_new(struct session *session)
{
    struct prompt *prompt = xcalloc(1, sizeof *prompt);
    prompt->session = session;
    current = prompt;
    term_detect(&prompt->term, STDERR_FILENO);
    rl_readline_name = "flicker";
    rl_outstream = stderr; // results only on stdout
    rl_catch_signals = 0;
    signal(SIGQUIT, SIG_IGN); // a key beside Ctrl-C must not cost what was recorded
    rl_catch_sigwinch = 0;
    rl_initialize();
    rl_bind_key('\t', tab);
    open_history(prompt);
    return prompt;
}

void prompt_free(struct prompt *prompt)
{
    if (!prompt)
        return;
    prompt_stop(prompt);
    if (prompt->history)
        history_truncate_file(prompt->history, HISTORY_LINES);
    free(prompt->history);
    free(prompt->shown);
    free(prompt->line);
    bytes_dispose(&prompt->partial);
    free(prompt);
    current = NULL;
}

static char *make_text(struct prompt *prompt)
{
    struct bytes text = {0};
    if (prompt->partial.len)
        bytes_append_text(&text, "> ");
    else
        prompt_text(&text, prompt->session, &prompt->term);
    char *copy = xstrdup(bytes_text(&text));
    bytes_dispose(&text);
    return copy;
}

void prompt_start(struct prompt *prompt)
{
    if (prompt->active)
        return;
    free(prompt->shown);
    prompt->shown = make_text(prompt);
    prompt->active = true;
    rl_callback_handler_install(prompt->shown, entered);
}

void prompt_stop(struct prompt *prompt)
{
    if (!prompt->active)
        return;
    prompt->active = false;
    rl_callback_handler_remove();
}

bool prompt_active(const struct prompt *prompt)
{
    return prompt->active;
}

void prompt_read(struct prompt *prompt)
{
    (void)prompt;
    rl_callback_read_char();
}

void prompt_interrupt(struct prompt *prompt)
{
    if (!prompt->active)
        return;
    rl_callback_sigcleanup();
    fputs("^C\n", rl_outstream);
    prompt_stop(prompt);
    bytes_clear(&prompt->partial);
    rl_replace_line("", 1);
    prompt_start(prompt);
}

void prompt_resize(struct prompt *prompt)
{
    term_detect(&prompt->term, STDERR_FILENO);
    rl_resize_terminal();
}

void prompt_resume(struct prompt *prompt)
{
    prompt_resize(prompt);
    if (!prompt->active)
        return;
    rl_deprep_terminal();
    rl_prep_terminal(1);
    rl_forced_update_display();
}

// Not while readline shows a prompt of its own (a search, a count).
static bool shows_ours(const struct prompt *prompt)
{
    return prompt->active && !prompt->hidden &&
           !RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_SEARCH | RL_STATE_NUMERICARG |
                       RL_STATE_MOREINPUT | RL_STATE_METANEXT);
}

void prompt_refresh(struct prompt *prompt)
{
    if (!shows_ours(prompt))
        return;
    char *text = make_text(prompt);
    if (strcmp(text, prompt->shown)) {
        rl_clear_visible_line();
        rl_set_prompt(text);
        rl_on_new_line();
        rl_redisplay();
        free(prompt->shown);
        prompt->shown = text;
    } else {
        free(text);
    }
}

void prompt_hide(struct prompt *prompt)
{
    if (!prompt->active || prompt->hidden)
        return;
    prompt->hidden = true;
    rl_clear_visible_line();
    fflush(rl_outstream);
}

void prompt_show(struct prompt *prompt)
{
    if (!prompt->hidden)
        return;
    prompt->hidden = false;
    rl_on_new_line();
    rl_redisplay();
}

char *prompt_take_line(struct prompt *prompt, bool *left)
{
    char *line = prompt->line;
    prompt->line = NULL;
    *left = prompt->left;
    prompt->left = false;
    return line;
}
