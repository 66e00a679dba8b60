// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fd.h"
#include "handle.h"

namespace veer {

class Link : public Handle<Link, Fd> {
 public:
  static constexpr Kind kKind = Kind::kLink;
  static constexpr const char* kName = "link";

  static Napi::Function Define(Napi::Env env);
  explicit Link(const Napi::CallbackInfo& info);

  /** The addon's createXdpLink, createTcxLink, openPinnedLink. */
  static Napi::Value NewXdp(const Napi::CallbackInfo& info);
  static Napi::Value NewTcx(const Napi::CallbackInfo& info);
  static Napi::Value Open(const Napi::CallbackInfo& info);

 private:
  Napi::Value GetFd(const Napi::CallbackInfo& info);
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Update(const Napi::CallbackInfo& info);
  Napi::Value Pin(const Napi::CallbackInfo& info);
  Napi::Value Detach(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  int Use(Napi::Env env, const char* syscall) const;
  [[noreturn]] void Fail(Napi::Env env, const char* syscall) const;

  Fd fd_;
  std::string name_;
};

}  // namespace veer
