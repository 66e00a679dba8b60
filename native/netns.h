// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include "fd.h"

namespace veer {

inline constexpr const char* kCurrentNetns = "/proc/thread-self/ns/net";

/** The calling thread's network namespace; not open, with errno set, when that fails. */
Fd OpenCurrentNetns();

/**
 * The calling thread is in the network namespace of `target` while this lives (no syscall when it
 * already is). Coming back cannot be given up: when the kernel refuses, the process aborts.
 */
class NetnsScope {
 public:
  explicit NetnsScope(int target);
  ~NetnsScope();
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;

  /** Positive errno when the namespace could not be entered, else 0. */
  int Error() const { return error_; }

 private:
  Fd home_;
  int error_ = 0;
};

/** The addon's withNetns. */
Napi::Value WithNetns(const Napi::CallbackInfo& info);

}  // namespace veer
