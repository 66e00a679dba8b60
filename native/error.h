// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <string>

#include "fd.h"

namespace veer {

/** A failed call, free of JavaScript so that it can travel from a worker thread. */
struct Failure {
  /** Positive errno. */
  int error;
  std::string syscall;
  /** What sort of thing `object` is, for the message: `map`, `program`, `interface`, `path`. */
  std::string kind;
  std::string object;
};

/** The error's symbol, e.g. `ENOENT`. Knows 524 (ENOTSUPP), which the kernel leaks from BPF. */
std::string ErrorName(int error);

/** `NativeError` of src/native.ts. */
Napi::Error ToError(Napi::Env env, const Failure& failure);

[[noreturn]] void Throw(Napi::Env env, const Failure& failure);

/** The descriptor, or throws EBADF when the handle was closed. */
int RequireOpen(Napi::Env env, const Fd& fd, const Failure& what);

}  // namespace veer
