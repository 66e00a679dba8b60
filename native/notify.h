// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace veer {

/** The addon's notifyService: one datagram to the AF_UNIX socket of a service manager. */
Napi::Value NotifyService(const Napi::CallbackInfo& info);

}  // namespace veer
