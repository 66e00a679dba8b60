// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <string>

namespace veer {

/** An interface's name for messages, in the thread's network namespace; `ifindex 7` when it has
 * none. */
std::string DescribeInterface(uint32_t ifindex);

/** Reads 'ingress' or 'egress'; TypeError otherwise. */
bool IsIngress(const Napi::Value& direction);

/** The addon's functions of the same names, all in the thread's network namespace. */
Napi::Value InterfaceIndex(const Napi::CallbackInfo& info);
Napi::Value InterfaceName(const Napi::CallbackInfo& info);
Napi::Value SetMulticastMac(const Napi::CallbackInfo& info);
Napi::Value InterfaceOffloads(const Napi::CallbackInfo& info);
Napi::Value QueryXdp(const Napi::CallbackInfo& info);

}  // namespace veer
