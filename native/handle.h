// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace veer {

enum class Kind { kObject, kMap, kProgram, kLink, kRingBuffer, kPacketSocket, kFileLock, kCount };

class Logger;

/** What one environment (the main thread, or a worker) has of its own. */
struct AddonData {
  std::array<Napi::FunctionReference, static_cast<size_t>(Kind::kCount)> constructors;
  std::unique_ptr<Logger> logger;

  AddonData();
  ~AddonData();
  static AddonData& Of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }
};

/**
 * Base of the wrapped classes: made from C++ only, and recognised when JavaScript hands one back.
 * T has `kKind`, `kName` and a constructor that takes (info, Init).
 */
template <typename T, typename Init>
class Handle : public Napi::ObjectWrap<T> {
 public:
  explicit Handle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {
    napi_type_tag tag = Tag();
    info.This().As<Napi::Object>().TypeTag(&tag);
  }

  /** A new JavaScript object; throws what the constructor throws. */
  static Napi::Object Create(Napi::Env env, Init init) {
    pending_ = &init;
    return AddonData::Of(env).constructors[static_cast<size_t>(T::kKind)].New({});
  }

  /** The C++ side of an argument; TypeError when it is something else. */
  static T* From(const Napi::Value& value, const std::string& what) {
    napi_type_tag tag = Tag();
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag)) {
      throw Napi::TypeError::New(value.Env(), what + ": expected a " + T::kName);
    }
    return T::Unwrap(value.As<Napi::Object>());
  }

 protected:
  /** What Create was given. `new handle.constructor()` from JavaScript gets a TypeError. */
  static Init TakeInit(Napi::Env env) {
    Init* init = std::exchange(pending_, nullptr);
    if (!init) throw Napi::TypeError::New(env, "Illegal constructor");
    return std::move(*init);
  }

 private:
  static napi_type_tag Tag() { return {0x7665657231a9c04full, static_cast<uint64_t>(T::kKind)}; }

  static inline thread_local Init* pending_ = nullptr;
};

}  // namespace veer
