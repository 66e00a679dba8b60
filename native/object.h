// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include "handle.h"

namespace veer {

/** What the handle and a load in progress share; see object.cc. */
struct ObjectState;

class Object : public Handle<Object, std::shared_ptr<ObjectState>> {
 public:
  static constexpr Kind kKind = Kind::kObject;
  static constexpr const char* kName = "object";

  static Napi::Function Define(Napi::Env env);
  explicit Object(const Napi::CallbackInfo& info);

  /** The addon's openObject. */
  static Napi::Value Open(const Napi::CallbackInfo& info);

 private:
  Napi::Value MapNames(const Napi::CallbackInfo& info);
  Napi::Value ProgramNames(const Napi::CallbackInfo& info);
  Napi::Value SetMapMaxEntries(const Napi::CallbackInfo& info);
  Napi::Value SetMapInitialValue(const Napi::CallbackInfo& info);
  Napi::Value MapInitialValue(const Napi::CallbackInfo& info);
  Napi::Value ReuseMap(const Napi::CallbackInfo& info);
  Napi::Value SetProgramAutoload(const Napi::CallbackInfo& info);
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value GetMap(const Napi::CallbackInfo& info);
  Napi::Value GetProgram(const Napi::CallbackInfo& info);
  Napi::Value ProgramLog(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  /** Throws EBADF after close and EBUSY during load. */
  bpf_object* Use(Napi::Env env, const char* syscall) const;
  /** Throw ENOENT for an unknown name. */
  bpf_map* FindMap(const Napi::CallbackInfo& info, const char* syscall) const;
  bpf_program* FindProgram(const Napi::CallbackInfo& info, const char* syscall) const;
  std::string Member(const char* member) const;

  std::shared_ptr<ObjectState> state_;
};

}  // namespace veer
