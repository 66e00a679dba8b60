// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fd.h"
#include "handle.h"

namespace veer {

class Program : public Handle<Program, Fd> {
 public:
  static constexpr Kind kKind = Kind::kProgram;
  static constexpr const char* kName = "program";

  static Napi::Function Define(Napi::Env env);
  explicit Program(const Napi::CallbackInfo& info);

  /** The addon's openPinnedProgram and programById. */
  static Napi::Value Open(const Napi::CallbackInfo& info);
  static Napi::Value ById(const Napi::CallbackInfo& info);

  /** The descriptor for a call; throws EBADF after close. */
  int Use(Napi::Env env, const char* syscall) const;
  const std::string& Name() const { return name_; }

 private:
  Napi::Value GetFd(const Napi::CallbackInfo& info);
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value TestRun(const Napi::CallbackInfo& info);
  Napi::Value TestRunAsync(const Napi::CallbackInfo& info);
  Napi::Value Pin(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  /** One run's buffers, apart from JavaScript so that a worker thread can do it. */
  struct Run;
  std::shared_ptr<Run> PrepareRun(const Napi::CallbackInfo& info) const;

  Fd fd_;
  std::string name_;
};

}  // namespace veer
