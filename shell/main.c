// flicker: options, then the session.
#include "collectors/launcher.h"
#include "proto/alloc.h"
#include "proto/standard_fds.h"
#include "shell/demo.h"
#include "shell/demo_workload.h"
#include "shell/help.h"
#include "shell/loop.h"
#include "shell/prompt.h"
#include "shell/rescue.h"
#include "shell/session.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct session *session;
    char **files;
    int file_count;
    struct bytes commands; // of -c, a line each
    char **scripts;        // of -f
    size_t script_count, script_capacity;
    char **settings; // KEY=VALUE
    size_t setting_count, setting_capacity;
    bool json, quiet, demo;
};

static int print(void (*put)(struct bytes *out))
{
    struct bytes text = {0};
    struct output_fd out;
    struct err err = {0};
    output_fd_init(&out, STDOUT_FILENO, "standard output");
    put(&text);
    int code = output_write(&out.base, bytes_text(&text), text.len, &err);
    bytes_dispose(&text);
    return code ? EXIT_FAILED : EXIT_OK;
}

static void put_version(struct bytes *out)
{
    bytes_append_text(out, "flicker " FLICKER_VERSION "\n");
}

static void append(char ***list, size_t *count, size_t *capacity, char *text)
{
    array_reserve(list, capacity, *count + 1);
    (*list)[(*count)++] = text;
}

// Returns -1 to go on, else the exit code.
static int parse_options(struct options *options, int argc, char **argv)
{
    enum {
        OPTION_SET = 256,
        OPTION_JSON,
        OPTION_DEMO,
        OPTION_VERSION,
        OPTION_HELP,
        OPTION_MANUAL,
        OPTION_MARKDOWN
    };
    static const struct option longs[] = {
        {"set", required_argument, NULL, OPTION_SET},
        {"json", no_argument, NULL, OPTION_JSON},
        {"demo", no_argument, NULL, OPTION_DEMO},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},
        {"print-manual", no_argument, NULL, OPTION_MANUAL}, // for the build
        {"print-markdown", no_argument, NULL, OPTION_MARKDOWN},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "c:f:qh", longs, NULL)) != -1;) {
        switch (option) {
        case 'c':
            bytes_append_text(&options->commands, optarg);
            bytes_append_char(&options->commands, '\n');
            break;
        case 'f':
            append(&options->scripts, &options->script_count, &options->script_capacity, optarg);
            break;
        case 'q':
            options->quiet = true;
            break;
        case OPTION_SET:
            append(&options->settings, &options->setting_count, &options->setting_capacity, optarg);
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case OPTION_DEMO:
            options->demo = true;
            break;
        case OPTION_VERSION:
            return print(put_version);
        case 'h':
        case OPTION_HELP:
            return print(help_put_program);
        case OPTION_MANUAL:
            return print(help_put_manual);
        case OPTION_MARKDOWN:
            return print(help_put_markdown);
        default:
            session_complain(options->session, "'flicker --help' lists the options");
            return EXIT_USAGE;
        }
    }
    options->files = argv + optind;
    options->file_count = argc - optind;
    return -1;
}

static int apply_settings(struct options *options, struct err *err)
{
    for (size_t i = 0; i < options->setting_count; i++) {
        char *equals = strchr(options->settings[i], '=');
        if (!equals)
            return err_set(err, -EINVAL, "--set '%s': KEY=VALUE is expected", options->settings[i]);
        char *name = xstrndup(options->settings[i], (size_t)(equals - options->settings[i]));
        const struct setting *setting = setting_by_name(name);
        int code = setting ? setting_set(&options->session->settings, setting, equals + 1, err)
                           : err_set(err, -EINVAL, "--set: there is no setting '%s'", name);
        free(name);
        if (code)
            return code;
    }
    session_apply_settings(options->session);
    return 0;
}

static void put_quoted(struct bytes *out, const char *text)
{
    bytes_append_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            bytes_append_text(out, "'\\''");
        else
            bytes_append_char(out, *text);
    }
    bytes_append_char(out, '\'');
}

// As a word of `open`: a dash is standard input, and one before a name is no option.
static void put_file(struct bytes *out, const char *name)
{
    if (!strcmp(name, "-")) {
        bytes_append_text(out, "/dev/stdin");
        return;
    }
    bytes_append_text(out, *name == '-' ? "./" : "");
    put_quoted(out, name);
}

// The feed is a stack: what is to run first is pushed last.
static int fill_feed(struct options *options, bool interactive, struct err *err)
{
    struct session *session = options->session;
    bool batch = options->script_count || options->commands.len;
    if (!batch && !interactive && !options->demo)
        feed_push_fd(&session->feed, "standard input", STDIN_FILENO);
    if (options->commands.len)
        feed_push_text(&session->feed, "", bytes_text(&options->commands));
    for (size_t i = options->script_count; i-- > 0;) {
        int code = feed_push_file(&session->feed, options->scripts[i], err);
        if (code)
            return code;
    }
    if (options->file_count) {
        struct bytes line = {0};
        bytes_append_text(&line, "open");
        for (int i = 0; i < options->file_count; i++) {
            bytes_append_char(&line, ' ');
            put_file(&line, options->files[i]);
        }
        feed_push_text(&session->feed, "", bytes_text(&line));
        bytes_dispose(&line);
    }
    return 0;
}

static void welcome(struct session *session)
{
    session_say(session, "flicker %s: 'record' starts, 'help' lists the commands", FLICKER_VERSION);
    rescue_offer(session);
}

static int run(struct options *options, struct demo *demo)
{
    struct session *session = options->session;
    struct err err = {0};
    session->json = options->json;
    session->quiet = options->quiet;
    bool batch = options->script_count || options->commands.len;
    bool interactive = !batch && isatty(STDIN_FILENO);
    int code = apply_settings(options, &err);
    if (!code)
        code = fill_feed(options, interactive, &err);
    if (!code && interactive) {
        session->prompt = prompt_new(session);
        welcome(session);
    }
    if (!code && options->demo)
        code = demo_start(demo, session, &err);
    if (code) {
        session_complain(session, "flicker: %s", err.message);
        return code == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
    }
    loop_run(session);
    return session->exit_code;
}

// Whether the demo is asked for, before options are parsed: see demo_launch().
static bool wants_demo(int argc, char **argv)
{
    bool wanted = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        wanted |= !strcmp(argv[i], "--demo");
    return wanted;
}

int main(int argc, char **argv)
{
    standard_fds_hold();
    if (argc == 2 && !strcmp(argv[1], DEMO_WORKLOAD_OPTION))
        return demo_workload_run();
    setlocale(LC_CTYPE, "");
    struct launcher *launcher;
    struct err err = {0};
    struct session session = {0};
    struct demo demo = {.keep_fd = -1};
    if (wants_demo(argc, argv) && demo_launch(&demo, &err)) {
        session_complain(&session, "flicker: %s", err.message);
        return EXIT_FAILED;
    }
    if (launcher_split(&launcher, LAUNCHER_COLLECTS, &err)) {
        session_complain(&session, "flicker: %s", err.message);
        return EXIT_FAILED;
    }
    if (session_init(&session, launcher, &err)) {
        session_complain(&session, "flicker: %s", err.message);
        return EXIT_FAILED;
    }
    struct options options = {.session = &session};
    int code = parse_options(&options, argc, argv);
    if (code < 0)
        code = run(&options, &demo);
    demo_stop(&demo);
    session_dispose(&session);
    launcher_free(launcher);
    bytes_dispose(&options.commands);
    free(options.scripts);
    free(options.settings);
    return code;
}
