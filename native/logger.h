// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace veer {

/**
 * One environment's listener to libbpf's messages. libbpf has one print function per process and
 * calls it from whichever thread is loading, so messages reach JavaScript by a thread-safe queue.
 */
class Logger {
 public:
  Logger(Napi::Env env, Napi::Function listener);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  /** Makes libbpf silent except towards listeners. Once per process, however often called. */
  static void Install();
  /** Any thread. */
  void Send(int level, const std::string& message) const;

 private:
  static void OnCleanup(void* self);
  /** No message after this. */
  void Leave();

  napi_env env_;
  Napi::ThreadSafeFunction queue_;
  bool left_ = false;
};

/** The addon's setLogger. */
Napi::Value SetLogger(const Napi::CallbackInfo& info);

}  // namespace veer
