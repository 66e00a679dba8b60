// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <cerrno>
#include <cstring>

namespace veer {

namespace {

// include/linux/errno.h; never meant for user space, but map and link operations return it.
constexpr int kNotSupported = 524;

std::string ErrorText(int error) {
  if (error == kNotSupported) return "Not supported by this kernel for this kind of object";
  // libc's "Argument list too long" misleads: from bpf(2) it is a full map or an oversized program.
  if (error == E2BIG) return "Full, or too large";
  const char* text = strerrordesc_np(error);
  return text ? text : "Unknown error";
}

}  // namespace

std::string ErrorName(int error) {
  if (error == kNotSupported) return "ENOTSUPP";
  const char* name = strerrorname_np(error);
  return name ? name : "E" + std::to_string(error);
}

Napi::Error ToError(Napi::Env env, const Failure& failure) {
  std::string code = ErrorName(failure.error);
  std::string message = failure.syscall + " on " + failure.kind + " " + failure.object + ": " +
                        ErrorText(failure.error) + " (" + code + ")";
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, failure.error));
  error.Set("syscall", Napi::String::New(env, failure.syscall));
  error.Set("object", Napi::String::New(env, failure.object));
  return error;
}

void Throw(Napi::Env env, const Failure& failure) {
  throw ToError(env, failure);
}

int RequireOpen(Napi::Env env, const Fd& fd, const Failure& what) {
  if (!fd.IsOpen()) Throw(env, {EBADF, what.syscall, what.kind, what.object});
  return fd.Get();
}

}  // namespace veer
