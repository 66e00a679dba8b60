// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include "fd.h"
#include "handle.h"

namespace veer {

class Map : public Handle<Map, Fd> {
 public:
  static constexpr Kind kKind = Kind::kMap;
  static constexpr const char* kName = "map";

  static Napi::Function Define(Napi::Env env);
  explicit Map(const Napi::CallbackInfo& info);

  /** The addon's createMap, openPinnedMap, mapById. */
  static Napi::Value New(const Napi::CallbackInfo& info);
  static Napi::Value Open(const Napi::CallbackInfo& info);
  static Napi::Value ById(const Napi::CallbackInfo& info);

  /** The descriptor for a call; throws EBADF after close. */
  int Use(Napi::Env env, const char* syscall) const;
  const std::string& Name() const { return name_; }

 private:
  Napi::Value GetFd(const Napi::CallbackInfo& info);
  Napi::Value GetValueBytes(const Napi::CallbackInfo& info);
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Lookup(const Napi::CallbackInfo& info);
  Napi::Value Update(const Napi::CallbackInfo& info);
  Napi::Value Delete(const Napi::CallbackInfo& info);
  Napi::Value NextKey(const Napi::CallbackInfo& info);
  Napi::Value LookupBatch(const Napi::CallbackInfo& info);
  Napi::Value LookupBatchAsync(const Napi::CallbackInfo& info);
  Napi::Value UpdateBatch(const Napi::CallbackInfo& info);
  Napi::Value DeleteBatch(const Napi::CallbackInfo& info);
  Napi::Value Freeze(const Napi::CallbackInfo& info);
  Napi::Value Pin(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  /** Reading a batch, apart from JavaScript so that a worker thread can do it. */
  struct Batch;
  std::shared_ptr<Batch> PrepareBatch(const Napi::CallbackInfo& info, const char* syscall) const;
  Napi::Value FinishWrite(Napi::Env env, const char* syscall, int result, uint32_t done,
                          uint32_t count) const;

  std::string What(const char* argument) const { return "map " + name_ + ": " + argument; }
  [[noreturn]] void Fail(Napi::Env env, const char* syscall) const;

  Fd fd_;
  bpf_map_info info_{};
  std::string name_;
  size_t value_bytes_ = 0;
};

}  // namespace veer
