// Python: the perf trampolines of CPython 3.12 and later (python -X perf).
//
// A function is there as "py::Class.method:/path/file.py", surrounded by the interpreter's own
// frames, which run it: those go, their weight stays with the Python function.
#include "analysis/transform.h"

#include <string.h>

static const char prefix[] = "py::";
enum { PREFIX_LEN = sizeof prefix - 1 };

static bool detect_python(const struct dict *dict, const struct frame *frame)
{
    return !strncmp(dict_text(dict, frame->name), prefix, PREFIX_LEN);
}

static bool runs_python(const char *name)
{
    static const char *const names[] = {
        "_PyEval_EvalFrameDefault",
        "_PyEval_EvalFrame",
        "_PyEval_Vector",
        "_PyFunction_Vectorcall",
        "py_trampoline_evaluator",
        "_PyObject_Vectorcall",
        "PyObject_Vectorcall",
        "_PyObject_VectorcallTstate",
        "PyEval_EvalCode",
        "gen_send_ex",
        "gen_send_ex2",
        "gen_iternext",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        if (!strncmp(name, names[i], len) && (!name[len] || name[len] == '.'))
            return true;
    }
    return false;
}

static size_t python_frame(struct rewriting *rewriting, struct dict *own, uint32_t frame,
                           uint32_t *out)
{
    struct bytes *scratch = &rewriting->scratch;
    struct frame row = own->frames[frame];
    if (row.kind == FRAME_COMM || row.kind == FRAME_KERNEL)
        return 1;
    if (runs_python(dict_text(own, row.name)))
        return 0;
    if (!detect_python(own, &row))
        return 1;
    bytes_clear(scratch);
    bytes_append(scratch, dict_text(own, row.name), dict_text_len(own, row.name));
    const char *name = scratch->data + PREFIX_LEN, *colon = strchr(name, ':');
    size_t name_len = colon ? (size_t)(colon - name) : strlen(name);
    // The file tells functions of one name apart, as the module does elsewhere.
    if (colon && colon[1])
        row.file = row.module = dict_string_z(own, colon + 1);
    row.name = dict_string(own, name, name_len);
    row.kind = FRAME_INTERPRETED;
    out[0] = dict_frame(own, &row);
    return 1;
}

const struct transform transform_python = {
    .name = "python",
    .summary = "Python functions by name and file, the interpreter's own frames left out",
    .detect = detect_python,
    .rewrite = python_frame,
};
