// The demo: a workload of known shape, recorded live on this host.
#include "shell/demo.h"

#include "collectors/collector.h"
#include "collectors/privileges.h"
#include "proto/alloc.h"
#include "shell/demo_workload.h"
#include "shell/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Only the workload is asked about: the host may be busy with something else, even with another
// demo. %d is its pid.
#define DEMO_FILTER "filter comm=demo pid=%d\n"

static const char prompt_script[] = "record hz=499\n"
                                    "view\n"
                                    "wait samples > 0\n" DEMO_FILTER "heatmap live for=12s\n";

static const char batch_script[] = "record hz=499\n"
                                   "wait 12s\n" DEMO_FILTER "heatmap\n"
                                   "slice spike\n"
                                   "top 10\n"
                                   "why 10\n"
                                   "fold\n";

static const char replay_script[] = "filter comm=demo\n"
                                    "heatmap\n"
                                    "slice spike\n"
                                    "top 10\n"
                                    "why 10\n"
                                    "fold\n";

// The stall must stand out on a host that is busy with other things, so the workload goes first
// wherever we may say so; it takes a third of one CPU at most. With autogroups the priority counts
// within a session only, and that of the session is a file.
static void go_first(void)
{
    if (setpriority(PRIO_PROCESS, 0, -20))
        return;
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t wrote = write(fd, "-20", 3);
    (void)wrote; // a kernel without autogroups
    close(fd);
}

int demo_launch(struct demo *demo, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return err_set(err, -errno, "cannot start the demo's workload: %s", strerror(errno));
    pid_t child = fork();
    if (!child) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        setsid();
        go_first();
        _exit(geteuid() == 0 && privileges_drop(err) ? EXIT_FAILURE : demo_workload_run());
    }
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        return err_set(err, -EAGAIN, "cannot start the demo's workload");
    }
    *demo = (struct demo){.keep_fd = ends[1], .pid = child};
    return 0;
}

// The recording of the same demo that comes with the program: beside it when built in its tree,
// else where it was installed.
static char *bundled_recording(void)
{
    static const char *const places[] = {"../shell/demo.fks", "../share/flicker/demo.fks",
                                         "demo.fks"};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return NULL;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        char *path = xasprintf("%.*s/%s", (int)(slash - self), self, places[i]);
        if (!access(path, R_OK))
            return path;
        free(path);
    }
    return NULL;
}

static int show_bundled(struct session *session, const struct err *why_not, struct err *err)
{
    session_complain(session, "%s", why_not->message);
    char *path = bundled_recording();
    if (!path)
        return err_set(err, -ENOENT,
                       "and the recording of the demo that comes with flicker is "
                       "not there");
    session_say(session, "showing the recording of the demo that comes with flicker instead");
    char *script = xasprintf("open '%s'\n%s", path, replay_script);
    feed_push_text(&session->feed, "demo", script);
    free(script);
    free(path);
    return 0;
}

int demo_start(struct demo *demo, struct session *session, struct err *err)
{
    struct collect_request request = {.what = "cpu"};
    struct err why_not = {0};
    if (!collector_choose(session->launcher, &request, NULL, &why_not)) {
        demo_stop(demo);
        return show_bundled(session, &why_not, err);
    }
    session_say(session,
                "a demo workload runs as pid %d: four workers that serve requests, and a "
                "stall of 300 ms every 5 s",
                demo->pid);
    char *script = xasprintf(session->prompt ? prompt_script : batch_script, demo->pid);
    feed_push_text(&session->feed, "demo", script);
    free(script);
    return 0;
}

void demo_stop(struct demo *demo)
{
    if (demo->keep_fd < 0)
        return;
    close(demo->keep_fd);
    kill(demo->pid, SIGTERM);
    waitpid(demo->pid, NULL, 0); // where a launcher stands between, it is the launcher's to reap
    demo->keep_fd = -1;
}
