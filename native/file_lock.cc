// SPDX-License-Identifier: Apache-2.0
#include "file_lock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "args.h"
#include "error.h"

namespace veer {

namespace {

/** Whether `path` still leads to the open file. */
bool IsAt(const Fd& fd, const std::string& path) {
  struct stat open_file, named_file;
  return fstat(fd.Get(), &open_file) == 0 && stat(path.c_str(), &named_file) == 0 &&
         open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

}  // namespace

Napi::Function FileLock::Define(Napi::Env env) {
  return DefineClass(env, "FileLock", {InstanceMethod<&FileLock::Close>("close")});
}

FileLock::FileLock(const Napi::CallbackInfo& info) : Handle(info), fd_(TakeInit(info.Env())) {}

Napi::Value FileLock::Lock(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path = AsString(info[0], "lockFile: path");
  for (;;) {
    Fd fd(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    if (!fd.IsOpen()) Throw(env, {errno, "open", "path", path});
    if (flock(fd.Get(), LOCK_EX | LOCK_NB) < 0) {
      int error_number = errno;
      Napi::Error error = ToError(env, {error_number, "flock", "path", path});
      // The same number as EAGAIN on Linux; flock(2) calls it by this name.
      if (error_number == EWOULDBLOCK) error.Set("code", Napi::String::New(env, "EWOULDBLOCK"));
      throw error;
    }
    // A holder may remove the file. Whoever opened it before then holds a lock that no other will
    // meet, so that one does not count.
    if (IsAt(fd, path)) return Create(env, std::move(fd));
  }
}

Napi::Value FileLock::Close(const Napi::CallbackInfo& info) {
  fd_.Close();
  return info.Env().Undefined();
}

}  // namespace veer
