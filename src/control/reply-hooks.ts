/** The programs at TC that translate replies of `nat`: by TCX links, or by filters of clsact where the kernel has no TCX. */
import type { Config } from '../config/schema.js'
import type { TcHook } from '../dataplane/hooks.js'
import { filterPinName, filterPlace, hookOfFilter, hookOfLink, isTcHook, linkPinName, qdiscPinName, TC_DIRECTIONS } from '../dataplane/hooks.js'
import type { Instance } from '../dataplane/instance.js'
import { errnoOf } from '../errors.js'
import { attachClsact, clsactProgram, detachClsact } from '../loader/clsact.js'
import { attachTcx } from '../loader/link.js'
import type { PinDirectory } from '../loader/pin.js'
import { Program } from '../loader/program.js'
import { native } from '../native.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NewAttachments } from './new-attachments.js'
import { detachLink, linkedProgram, mendLink } from './pinned-link.js'
import { removeUnusedQdisc, requireClsact } from './qdisc.js'

/** By what a program is attached at TC; `auto`: TCX, and clsact on a kernel without it. */
export type ReplyMechanism = 'auto' | 'tcx' | 'clsact'

/** The hooks that should have a program: of each interface, unless it says otherwise, when any service is `nat`. */
export function wantedReplyHooks(config: Config, facts: readonly InterfaceFacts[]): TcHook[] {
  if (!config.services.some(({ forward }) => forward === 'nat')) return []
  return config.interfaces.flatMap(({ reply }, index) => {
    const { ifindex } = facts[index] as InterfaceFacts
    return reply ? TC_DIRECTIONS.map((kind) => ({ ifindex, kind })) : []
  })
}

/** The hooks that have something pinned, whether it is still in force or not. */
export function pinnedReplyHooks(pins: PinDirectory): TcHook[] {
  const links = pins.list('links').map((name) => hookOfLink(name))
  const filters = pins.list('filters').map((name) => hookOfFilter(name))
  return [...links, ...filters].filter((hook) => hook !== undefined).filter(isTcHook)
}

/** Whether our program, and no other, is at the hook. Runs in the namespace of the interface. */
export function isReplyAttached({ pins, programs }: Instance, hook: TcHook): boolean {
  const { id } = programs[hook.kind]
  if (pins.has('links', linkPinName(hook))) return linkedProgram(pins, hook) === id
  return pins.has('filters', filterPinName(hook)) && clsactProgram(filterPlace(hook)) === id
}

/**
 * Attaches at hooks that are not as they should be. What is pinned is mended in place; what is new goes to `attached`.
 * Runs in the namespace of the interfaces.
 */
export function attachReplies(
  instance: Instance,
  hooks: readonly TcHook[],
  attached: NewAttachments,
  mechanism: ReplyMechanism = 'auto',
): void {
  for (const hook of hooks) {
    if (isReplyAttached(instance, hook)) continue
    if (instance.pins.has('filters', filterPinName(hook))) addFilter(instance, hook, attached)
    else if (!mendLink(instance, hook)) {
      detachLink(instance.pins, hook)
      attachAnew(instance, hook, attached, mechanism)
    }
  }
}

function attachAnew(instance: Instance, hook: TcHook, attached: NewAttachments, mechanism: ReplyMechanism): void {
  if (mechanism === 'clsact') {
    addFilter(instance, hook, attached)
    return
  }
  const { ifindex, kind: direction } = hook
  try {
    attached.addLink(hook, attachTcx(instance.programs[direction], { ifindex, direction }))
  } catch (error) {
    // What bpf(2) says to an attach type that it does not know.
    const unknown = error instanceof Error && errnoOf(error.cause) === 'EINVAL'
    if (!unknown || mechanism === 'tcx') throw error
    addFilter(instance, hook, attached)
  }
}

function addFilter(instance: Instance, hook: TcHook, attached: NewAttachments): void {
  const program = instance.programs[hook.kind]
  requireClsact(hook.ifindex)
  const madeQdisc = attachClsact(program, filterPlace(hook))
  attached.addFilter(hook, program, madeQdisc)
}

/**
 * Takes our program away from a hook, and what was pinned for it. A filter of somebody else's at its place stays, and so
 * does the qdisc unless we made it and nobody else uses it. Runs in the namespace of the interface.
 */
export function detachReply(pins: PinDirectory, hook: TcHook): void {
  detachLink(pins, hook)
  const filter = filterPinName(hook)
  if (!pins.has('filters', filter)) return
  using program = pins.openFilter(filter)
  if (isOfSameMaps(clsactProgram(filterPlace(hook)), program)) detachClsact(filterPlace(hook))
  pins.remove('filters', filter)
  if (TC_DIRECTIONS.every((kind) => !pins.has('filters', filterPinName({ ...hook, kind })))) leaveQdisc(pins, hook.ifindex)
}

/** After the last filter of ours on an interface. */
function leaveQdisc(pins: PinDirectory, ifindex: number): void {
  const name = qdiscPinName(ifindex)
  if (!pins.has('filters', name)) return
  removeUnusedQdisc(ifindex)
  pins.remove('filters', name)
}

/** Ours, whatever its version: the maps of an instance are nobody else's. */
function isOfSameMaps(programId: number, ours: Program): boolean {
  if (programId === 0) return false
  using there = openProgram(programId)
  const maps = new Set(ours.info().mapIds)
  return there?.info().mapIds.some((id) => maps.has(id)) ?? false
}

/** Undefined when it went meanwhile. */
function openProgram(id: number): Program | undefined {
  try {
    return new Program(native().programById(id))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
