#!/usr/bin/env python3
"""The prompt on a pseudo-terminal: keys in, screen out. Waits on conditions, never for a time."""
import contextlib, os, pty, re, select, shutil, signal, sys, tempfile, termios, time

flicker = os.path.abspath(sys.argv[1])
fixtures = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")


class Terminal:
    def __init__(self, *args, **environment):
        self.home = tempfile.mkdtemp()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(HOME=self.home, XDG_STATE_HOME=self.home + "/state", TERM="xterm",
                              NO_COLOR="1", LC_ALL="C.UTF-8", TZ="UTC", **environment)
            os.execv(flicker, [flicker, *args])
        self.text = ""
        self.seen = 0

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def expect(self, pattern, seconds=60):
        """Waits until the text after the last match holds the pattern."""
        deadline = time.monotonic() + seconds
        while True:
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.text)
            match = re.compile(pattern).search(plain, self.seen)
            if match:
                self.seen = match.end()
                return match
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            try:
                piece = os.read(self.fd, 65536) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                sys.exit(f"not ok - expected {pattern!r}, have: {plain[self.seen:]!r}")
            self.text += piece.decode("utf-8", "replace")

    def end(self):
        """The exit code."""
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def check(condition, what):
    print("ok -" if condition else "not ok -", what)
    if not condition:
        sys.exit(1)


def completion_history_and_errors():
    t = Terminal()
    t.expect(r"flicker> ")
    t.type("open " + fixtures + "/perf-system.txt\r")
    t.expect(r"43 samples(.|\n)*flicker\[141ms\]> ")
    t.type("to\t3\r")  # completes to "top "
    t.expect(r"touch_pages  workload")
    t.expect(r"flicker\[141ms\]> ")
    t.type("filter frame=touch\t\r")
    t.expect(r"30 samples(.|\n)*filter\]> ")
    t.type("sl\t@-50ms\r")
    t.expect(r"sel 50ms filter\]> ")
    t.type("tpo\r")
    t.expect(r"did you mean 'top'(.|\n)*\n  \^\n")
    t.expect(r"> ")
    t.type(" secret\r")
    t.expect(r"unknown command 'secret'")
    t.type("record bt 'one\r")
    t.expect(r"\n> ")
    t.type("\x03")
    t.expect(r"\^C\nflicker\[")
    t.type("half a line\x03")
    t.expect(r"\^C\nflicker\[")
    t.type("wait 60s\r")
    t.expect("wait 60s")
    t.type("\x03")
    t.expect(r"not waited for")
    t.expect(r"> ")
    t.type("\x04")
    check(t.end() == 0, "completion, errors, Ctrl-C and Ctrl-D at the prompt")
    history = open(t.home + "/state/flicker/history").read()
    check("tpo\n" in history and "secret" not in history, "the history leaves out what begins with a space")
    mode = os.stat(t.home + "/state/flicker/history").st_mode & 0o777
    check(mode == 0o600, "the history is its owner's only")


def ctrl_backslash_ends_nothing():
    t = Terminal(fixtures + "/perf-system.txt")
    t.expect(r"flicker\[141ms\]> ")
    t.type("\x1c")
    t.type("top 1 | sh -c 'echo started; exec sleep 60'\r")
    t.expect(r"\nstarted\n")
    t.type("\x1c")  # the command's, as in any shell
    t.expect(r"flicker\[141ms\]> ")
    t.type("quit\r")
    check(t.end() == 0, "Ctrl-\\ at the prompt costs no samples")


def results_in_a_pager_do_not_hold_the_loop():
    t = Terminal(fixtures + "/perf-system.txt")
    t.expect(r"flicker\[141ms\]> ")
    t.type("fold | cat; top 1\r")
    t.expect(r"touch_pages(.|\n)*touch_pages  workload")
    t.type("quit\r")
    check(t.end() == 0, "results through a command")


def probes_are_completed():
    if os.geteuid() or not shutil.which("bpftrace") or not os.path.ismount("/sys/kernel/tracing"):
        print("ok - # skipped: probes can be listed as root only")
        return
    t = Terminal()
    t.expect(r"flicker> ")
    t.type("record tp=sched:sched_swi\t")
    deadline = time.monotonic() + 60
    while "sched_switch" not in t.text:  # a Tab waits for a part of a second only
        if time.monotonic() > deadline:
            sys.exit("not ok - probes are completed")
        if select.select([t.fd], [], [], 1)[0]:
            t.text += os.read(t.fd, 65536).decode("utf-8", "replace")
        elif "sched_switch" not in t.text:
            t.type("\t")
    t.type("\x03")
    t.expect(r"flicker> ")
    t.type("quit\r")
    check(t.end() == 0, "probes are completed")


def the_connection_drops():
    t = Terminal(fixtures + "/perf-system.txt")
    t.expect(r"flicker\[141ms\]> ")
    os.kill(t.pid, signal.SIGHUP)
    check(t.end() == 128 + signal.SIGHUP, "SIGHUP ends it")
    check(os.path.exists(t.home + "/state/flicker/rescue.fks"), "the samples are saved first")


def the_terminal_hangs_up():
    """As a dropped ssh does it: the other side of the terminal closes, and reading it ends."""
    t = Terminal(fixtures + "/perf-system.txt")
    t.expect(r"flicker\[141ms\]> ")
    os.close(t.fd)
    os.waitpid(t.pid, 0)
    check(os.path.exists(t.home + "/state/flicker/rescue.fks"), "a terminal that hangs up: the samples are saved")


def collectors_of(shell):
    """The processes below this one that are not flicker itself."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, rest = re.match(r"\d+ \((.*)\) (.*)", open(f"/proc/{pid}/stat").read(), re.S).groups()
        except OSError:
            continue
        parents[int(pid)] = int(rest.split()[1]), name
    below, more = {shell}, True
    while more:
        found = {pid for pid, (parent, _) in parents.items() if parent in below} - below
        below, more = below | found, found
    return [pid for pid in below if pid in parents and parents[pid][1] != "flicker"]


def messages_never_damage_the_line_and_ctrl_d_warns_once():
    t = Terminal()
    t.expect(r"flicker> ")
    t.type("record\r")
    t.expect(r"recording with(.|\n)*flicker\[live [^]]*\]> ")
    t.type("stat")
    t.expect(r"stat")
    shell = open(f"/proc/{t.pid}/task/{t.pid}/children").read().split()[0]
    rights = dict(re.findall(r"(\w+):\s*(.*)", open(f"/proc/{shell}/status").read()))
    check(int(rights["CapEff"], 16) == int(rights["CapPrm"], 16) == 0 and rights["NoNewPrivs"] == "1",
          "while root records, the shell has no capability and can gain none")
    for pid in collectors_of(t.pid):
        with contextlib.suppress(ProcessLookupError):  # the collector's other half dies with the first
            os.kill(pid, signal.SIGKILL)
    t.expect(r"has ended: killed by signal 9(.|\n)*\n?flicker[^>\n]*> stat")
    t.type("us\r")
    t.expect(r"recording  0 collectors(.|\n)*> ")
    t.type("record\r")
    t.expect(r"recording with(.|\n)*flicker\[live [^]]*\]> ")
    t.type("\x04")
    t.expect(r"1 collector is still recording; Ctrl-D again(.|\n)*> ")
    t.type("\x04")
    check(t.end() == 0, "a message while something is typed; Ctrl-D warns once while something records")


def it_goes_on_after_fg():
    """A shell leaves the terminal in its own mode when it continues a job."""
    t = Terminal(fixtures + "/perf-system.txt")
    t.expect(r"flicker\[141ms\]> ")
    t.type("to")
    t.expect("to")
    mode = termios.tcgetattr(t.fd)
    mode[3] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(t.fd, termios.TCSANOW, mode)
    children = open(f"/proc/{t.pid}/task/{t.pid}/children").read().split()
    os.kill(int(children[0]) if children else t.pid, signal.SIGCONT)
    t.expect(r"flicker\[141ms\]> to")
    t.type("\t1\r")
    t.expect(r"touch_pages  workload")
    t.type("quit\r")
    check(t.end() == 0, "after Ctrl-Z and fg keys work again, and the line is as it was")


def is_raw(t):
    return not termios.tcgetattr(t.fd)[3] & termios.ICANON


def the_terminal_is_left_to_who_has_it():
    """A pager that reads our output sets the terminal's mode, and has it still when we leave."""
    t = Terminal("-c", "status", "-c", "wait 60s")
    t.expect(r"recording  0 collectors")
    mode = termios.tcgetattr(t.fd)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(t.fd, termios.TCSANOW, mode)
    os.kill(t.pid, signal.SIGINT)
    t.end()
    check(is_raw(t), "a script leaves the terminal's mode alone")


def a_killed_shell_leaves_a_terminal_that_works():
    t = Terminal()
    t.expect(r"flicker> ")
    t.type("x")
    t.expect("x")
    raw = is_raw(t)
    os.kill(int(open(f"/proc/{t.pid}/task/{t.pid}/children").read().split()[0]), signal.SIGKILL)
    code = t.end()
    check(raw and code == 128 + signal.SIGKILL and not is_raw(t), "the launcher restores the terminal of a shell that was killed")


completion_history_and_errors()
it_goes_on_after_fg()
ctrl_backslash_ends_nothing()
if os.geteuid() == 0:
    messages_never_damage_the_line_and_ctrl_d_warns_once()
    a_killed_shell_leaves_a_terminal_that_works()
the_terminal_is_left_to_who_has_it()
results_in_a_pager_do_not_hold_the_loop()
probes_are_completed()
the_connection_drops()
the_terminal_hangs_up()
