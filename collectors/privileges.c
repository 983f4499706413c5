// Giving up root for good.
#include "collectors/privileges.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static bool id_of(const char *variable, unsigned *id)
{
    const char *text = getenv(variable);
    if (!text || !*text)
        return false;
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || *end || value >= UINT_MAX) // UINT_MAX means "leave it" to setresuid
        return false;
    *id = (unsigned)value;
    return true;
}

static int drop_bounding_set(void)
{
    for (int capability = 0;; capability++) {
        if (!prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
            continue;
        return errno == EINVAL ? 0 : -errno; // EINVAL: past the last one that this kernel knows
    }
}

int privileges_drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
        return -errno;
    if (syscall(SYS_capset, &header, none))
        return -errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

// The user database may load modules and ask the network: only after root is gone.
static void follow_user(uid_t uid)
{
    const struct passwd *user = getpwuid(uid);
    if (!user)
        return;
    setenv("HOME", user->pw_dir, 1);
    setenv("USER", user->pw_name, 1);
    setenv("LOGNAME", user->pw_name, 1);
}

int privileges_drop(struct err *err)
{
    unsigned uid = 0, gid = 0;
    bool by_sudo = id_of("SUDO_UID", &uid) && id_of("SUDO_GID", &gid) && uid != 0;
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                               SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    // A container may have taken CAP_SETPCAP: then no_new_privs and the empty sets have to do.
    if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) && errno != EPERM)
        return err_set(err, -errno, "cannot lock the secure bits: %s", strerror(errno));
    int status = drop_bounding_set();
    if (status && status != -EPERM)
        return err_set(err, status, "cannot drop the bounding set: %s", strerror(-status));
    if (by_sudo) {
        gid_t group = gid;
        if (setgroups(1, &group) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
            return err_set(err, -errno, "cannot become user %u: %s", uid, strerror(errno));
    }
    status = privileges_drop_capabilities();
    if (status)
        return err_set(err, status, "cannot drop capabilities: %s", strerror(-status));
    if (by_sudo)
        follow_user(uid);
    return 0;
}
