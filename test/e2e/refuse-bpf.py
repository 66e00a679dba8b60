"""Runs a command on which the kernel refuses one command of bpf(2), as a kernel does that does not know it.

    refuse-bpf.py COMMAND ERRNO PROGRAM ARGUMENT...

COMMAND is the number in enum bpf_cmd of linux/bpf.h.
"""
import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
# Of struct seccomp_data: the system call's number, and the low half of its first argument.
NUMBER, FIRST_ARGUMENT = 0, 16
SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]


def refuse(command, errno):
    program = [
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 3, SYS_BPF),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, command),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    filters = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


refuse(int(sys.argv[1]), int(sys.argv[2]))
os.execvp(sys.argv[3], sys.argv[3:])
