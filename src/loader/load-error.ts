/** Why the kernel did not take an object, found out after it said no. */
import { VeerError, errnoOf } from '../errors.js'
import { mapTypeName } from '../maps/map-type.js'
import type { NativeError } from '../native.js'
import type { CollectionSpec } from './collection-spec.js'
import { missingFeature } from './features.js'
import { makeMap } from './make-map.js'
import { VerifierError } from './verifier-error.js'

/** The error to show for what `NativeObject.load` rejected with. */
export function loadError(spec: CollectionSpec, error: NativeError): VeerError {
  const code = errnoOf(error) ?? error.message
  if (error.program !== undefined && error.verifierLog) {
    return missingFrags(spec, error) ?? new VerifierError(error.program, code, error.verifierLog, error)
  }
  if (code === 'EPERM') {
    return new VeerError('LB_ERR_OBJECT_PERMISSION', `cannot load ${spec.name}: not permitted (EPERM)`, {
      hint: 'run as root, or with CAP_BPF and CAP_NET_ADMIN',
      cause: error,
    })
  }
  return missingFrags(spec, error) ?? mapError(spec) ?? new VeerError(
    'LB_ERR_OBJECT_LOAD',
    `cannot load ${spec.name}: ${error.syscall} on ${error.program ?? error.object}: ${code}`,
    { hint: 'run again with --verbose for what libbpf says', cause: error },
  )
}

function missingFrags(spec: CollectionSpec, cause: NativeError): VeerError | undefined {
  const frags = [...spec.programs.values()].some((program) => program.section.startsWith('xdp.frags'))
  return frags ? missingFeature('XDP programs for frames of several buffers (xdp.frags)', cause) : undefined
}

/** libbpf does not say which map failed, so each is tried alone. */
function mapError(spec: CollectionSpec): VeerError | undefined {
  for (const map of spec.maps.values()) {
    try {
      makeMap(map).close()
    } catch (cause) {
      const what = `${map.name} (${mapTypeName(map.definition.type)}, ${map.maxEntries} elements)`
      const message = `cannot load ${spec.name}: the kernel does not make the map ${what}: ${errnoOf(cause)}`
      return new VeerError('LB_ERR_OBJECT_LOAD', message, { hint: 'make it smaller, or free memory', cause })
    }
  }
  return undefined
}
