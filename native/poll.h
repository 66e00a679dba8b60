// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>
#include <uv.h>

#include <functional>

namespace veer {

/**
 * Watches a descriptor for reading on the environment's event loop, and keeps the loop alive.
 * The descriptor must outlive this. Callbacks run with a handle scope.
 */
class Poll {
 public:
  using Callback = std::function<void()>;

  /** Throws a NativeError whose object is `name`. */
  Poll(Napi::Env env, int fd, const char* name, Callback callback);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

 private:
  struct Watch;
  Watch* watch_;
};

/** Calls a listener from the event loop; what it throws becomes an uncaught exception. */
void CallListener(const Napi::FunctionReference& listener, Napi::Value argument);

}  // namespace veer
