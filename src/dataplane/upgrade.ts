/** Other programs in place of those that run, over the same maps, without a packet lost. */
import { errnoOf } from '../errors.js'
import { attachClsact, clsactProgram } from '../loader/clsact.js'
import type { PinDirectory } from '../loader/pin.js'
import type { NetworkNamespace } from '../system/netns.js'
import { filterPlace, hookOfFilter, hookOfLink } from './hooks.js'
import type { Programs } from './programs.js'
import { PROGRAM_PINS } from './programs.js'

/** Every link and filter that is pinned runs `programs` afterwards, and the pins are of these. */
export function replacePrograms(pins: PinDirectory, programs: Programs, namespace: NetworkNamespace): void {
  for (const name of pins.list('links')) replaceInLink(pins, name, programs)
  for (const name of pins.list('filters')) {
    const hook = hookOfFilter(name)
    if (hook !== undefined) namespace.run(() => replaceFilter(filterPlace(hook), programs[hook.kind]))
    pins.replace('filters', name, programs[hook?.kind ?? 'ingress'])
  }
  for (const [name, pin] of Object.entries(PROGRAM_PINS)) {
    pins.replace('programs', pin, programs[name as keyof Programs])
  }
}

function replaceInLink(pins: PinDirectory, name: string, programs: Programs): void {
  const hook = hookOfLink(name)
  if (hook === undefined) return
  using link = pins.openLink(name)
  try {
    link.update(programs[hook.kind])
  } catch (error) {
    // Its interface has gone, or somebody detached it: the next apply sees to that.
    if (errnoOf(error) !== 'ENOLINK') throw error
  }
}

/** A filter that somebody removed is for the next apply, too. */
function replaceFilter(place: Parameters<typeof clsactProgram>[0], program: Programs['ingress']): void {
  if (clsactProgram(place) !== 0) attachClsact(program, place)
}
