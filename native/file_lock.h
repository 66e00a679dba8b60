// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fd.h"
#include "handle.h"

namespace veer {

/** flock(2) on a file of its own; held until closed. */
class FileLock : public Handle<FileLock, Fd> {
 public:
  static constexpr Kind kKind = Kind::kFileLock;
  static constexpr const char* kName = "file lock";

  static Napi::Function Define(Napi::Env env);
  explicit FileLock(const Napi::CallbackInfo& info);

  /** The addon's lockFile. */
  static Napi::Value Lock(const Napi::CallbackInfo& info);

 private:
  Napi::Value Close(const Napi::CallbackInfo& info);

  Fd fd_;
};

}  // namespace veer
