// SPDX-License-Identifier: Apache-2.0
#include "netns.h"

#include <sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "args.h"
#include "error.h"

namespace veer {

namespace {

bool IsSameNamespace(int a, int b) {
  struct stat first {};
  struct stat second {};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

Fd OpenCurrentNetns() {
  return Fd(open(kCurrentNetns, O_RDONLY | O_CLOEXEC));
}

NetnsScope::NetnsScope(int target) {
  Fd home = OpenCurrentNetns();
  if (!home.IsOpen()) {
    error_ = errno;
  } else if (!IsSameNamespace(home.Get(), target)) {
    if (setns(target, CLONE_NEWNET) < 0) {
      error_ = errno;
    } else {
      home_ = std::move(home);
    }
  }
}

NetnsScope::~NetnsScope() {
  if (!home_.IsOpen() || setns(home_.Get(), CLONE_NEWNET) == 0) return;
  std::fprintf(stderr, "veer: cannot return to the thread's own network namespace: %s\n",
               std::strerror(errno));
  std::abort();
}

Napi::Value WithNetns(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path = AsString(info[0], "withNetns: path");
  Napi::Function callback = AsFunction(info[1], "withNetns: callback");
  Fd target(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!target.IsOpen()) Throw(env, {errno, "open", "path", path});
  Napi::Value result;
  {
    NetnsScope scope(target.Get());
    if (scope.Error() != 0) Throw(env, {scope.Error(), "setns", "path", path});
    result = callback.Call({});
  }
  if (result.IsPromise()) {
    throw Napi::TypeError::New(env, "withNetns: the callback must not return a promise");
  }
  return result;
}

}  // namespace veer
