/** The pinned links of an instance, by the hook that each is for. To be called in the namespace of the interfaces. */
import type { Hook } from '../dataplane/hooks.js'
import { linkPinName } from '../dataplane/hooks.js'
import type { Instance } from '../dataplane/instance.js'
import type { PinDirectory } from '../loader/pin.js'

/** The id of the program that the link of a hook runs; 0 without a link that is attached there. */
export function linkedProgram(pins: PinDirectory, hook: Hook): number {
  const name = linkPinName(hook)
  if (!pins.has('links', name)) return 0
  using link = pins.openLink(name)
  const info = link.info()
  return info.ifindex === hook.ifindex ? info.programId : 0
}

/** Makes the link of a hook run our program; false when there is none that is attached. */
export function mendLink({ pins, programs }: Instance, hook: Hook): boolean {
  const program = programs[hook.kind]
  const id = linkedProgram(pins, hook)
  if (id === 0 || id === program.id) return id !== 0
  using link = pins.openLink(linkPinName(hook))
  link.update(program)
  return true
}

/** Detaches what a hook's link has attached, and removes its pin; nothing when there is none. */
export function detachLink(pins: PinDirectory, hook: Hook): void {
  const name = linkPinName(hook)
  if (!pins.has('links', name)) return
  using link = pins.openLink(name)
  link.detach()
  pins.remove('links', name)
}
